#pragma once

#include <iotc_ha/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How the Device Provisioning Service is asked over MQTT 3.1.1. The bodies are those of HTTPS (azure/dps.hpp). Pure
/// text.
namespace iotc_ha::azure {

/// `{id_scope}/registrations/{registration_id}/api-version=2019-03-31&ClientVersion={product}`: with a slash where a
/// hub wants a question mark.
[[nodiscard]] std::string dps_user_name(std::string_view id_scope, std::string_view registration_id,
                                        std::string_view product);

/// The one subscription, for all answers.
[[nodiscard]] std::string dps_subscription();
/// `rid` comes back with the answer.
[[nodiscard]] std::string dps_register_topic(std::uint64_t rid);
[[nodiscard]] std::string dps_poll_topic(std::uint64_t rid, std::string_view operation_id);

/// What the topic of an answer says: `$dps/registrations/res/202/?$rid=1&retry-after=3`.
struct DpsReply {
  int status = 0;  ///< as of HTTP
  std::string rid;
  std::optional<std::chrono::seconds> retry_after;
  friend bool operator==(const DpsReply&, const DpsReply&) = default;
};
/// Error DpsProtocol names a topic that is none.
[[nodiscard]] core::Result<DpsReply> parse_dps_topic(std::string_view topic);

}  // namespace iotc_ha::azure
