#include <iotc_ha/azure/dps_mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/text.hpp>

#include <algorithm>

namespace iotc_ha::azure {
namespace {

constexpr std::string_view k_response = "$dps/registrations/res/";
constexpr std::int64_t k_retry_after_max = 86'400;

}  // namespace

std::string dps_user_name(std::string_view id_scope, std::string_view registration_id, std::string_view product) {
  // The newest version of which all that is known of DPS over MQTT speaks.
  return std::string(id_scope) + "/registrations/" + std::string(registration_id) +
         "/api-version=2019-03-31&ClientVersion=" + percent_encode(product);
}

std::string dps_subscription() { return std::string(k_response) + '#'; }

std::string dps_register_topic(std::uint64_t rid) {
  return "$dps/registrations/PUT/iotdps-register/?$rid=" + std::to_string(rid);
}

std::string dps_poll_topic(std::uint64_t rid, std::string_view operation_id) {
  return "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=" + std::to_string(rid) +
         "&operationId=" + percent_encode(operation_id);
}

core::Result<DpsReply> parse_dps_topic(std::string_view topic) {
  std::string_view rest = topic;
  DpsReply reply;
  bool is_reply = rest.starts_with(k_response);
  if (is_reply) {
    rest.remove_prefix(k_response.size());
    const auto status = read_number<int>(cut(rest, '/'));
    is_reply = status && *status >= 100 && *status <= 599 && rest.starts_with('?');
    if (is_reply) {
      reply.status = *status;
      rest.remove_prefix(1);
    }
  }
  bool has_rid = false;
  while (is_reply && !rest.empty()) {
    std::string_view value = cut(rest, '&');
    const std::string_view name = cut(value, '=');
    if (name == "$rid") {
      reply.rid = value;
      has_rid = true;
    } else if (name == "retry-after") {
      // Like a header that cannot be read, one that is no number counts as absent.
      const auto seconds = read_number<std::int64_t>(value);
      if (seconds && *seconds >= 0) reply.retry_after = std::chrono::seconds(std::min(*seconds, k_retry_after_max));
    }
  }
  if (is_reply && has_rid) return reply;
  return core::fail(core::Fault::DpsProtocol,
                    "a message on a topic that DPS should not use: '" + one_line(topic) + "'");
}

}  // namespace iotc_ha::azure
