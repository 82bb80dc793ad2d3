#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// The messages of the Device Provisioning Service over HTTPS, api-version 2021-06-01. Pure text.
namespace iotc_ha::azure {

/// `/{id_scope}/registrations/{registration_id}/register?api-version=2021-06-01`
[[nodiscard]] std::string dps_register_path(std::string_view id_scope, std::string_view registration_id);
/// `/{id_scope}/registrations/{registration_id}/operations/{operation_id}?api-version=2021-06-01`
[[nodiscard]] std::string dps_operation_path(std::string_view id_scope, std::string_view registration_id,
                                             std::string_view operation_id);
/// `{"registrationId":…,"payload":{"modelId":…}}`
[[nodiscard]] std::string dps_register_body(std::string_view registration_id, std::string_view model_id);

/// DPS is still at it: ask for this operation again, not before `retry_after`.
struct DpsAssigning {
  std::string operation_id;
  std::chrono::seconds retry_after{};  ///< the Retry-After header, 3 s when absent, never under 2 s (its poll limit)
};
/// DPS has decided.
struct DpsAssigned {
  core::Assignment assignment;
  std::string substatus;  ///< for the journal only: its values on a failover are not documented
};
using DpsAnswer = std::variant<DpsAssigning, DpsAssigned>;

/// What an answer means. `status_code`: HTTP's, which MQTT has in the topic, as it has `retry_after`, the header, if it
/// was there. The code stays 2xx for "failed" and
/// "disabled", so the status in the body decides. Errors carry errorCode, message and trackingId in their text, and
/// retry_after; body errors are recognised by errorCode/1000 also when the HTTP code says otherwise.
[[nodiscard]] core::Result<DpsAnswer> read_dps_answer(int status_code, std::string_view body,
                                                      std::optional<std::chrono::seconds> retry_after);

}  // namespace iotc_ha::azure
