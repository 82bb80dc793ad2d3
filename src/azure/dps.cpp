#include <iotc_ha/azure/dps.hpp>
#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>

namespace iotc_ha::azure {
namespace {

using core::Error;
using core::Fault;
using nlohmann::json;

constexpr std::string_view k_query = "?api-version=2021-06-01";
constexpr std::chrono::seconds k_usual_poll{3};
constexpr std::chrono::seconds k_shortest_poll{2};  // a device may poll 5 times in 10 s

std::string registration_path(std::string_view id_scope, std::string_view registration_id) {
  return '/' + percent_encode(id_scope) + "/registrations/" + percent_encode(registration_id);
}

/// A member of an object, "" when it is absent or not a string.
std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

/// The errorCode of an object, 0 when it has none.
std::int64_t error_code_of(const json& object) {
  if (!object.is_object()) return 0;
  const auto member = object.find("errorCode");
  return member != object.end() && member->is_number_integer() ? member->get<std::int64_t>() : 0;
}

/// "401002 Unauthorized (trackingId 5b1c)", as much of it as there is.
std::string describe(const json& object, const char* message_name) {
  std::string text;
  const auto append = [&text](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (const std::int64_t code = error_code_of(object); code != 0) append(std::to_string(code));
  if (const std::string message = text_of(object, message_name); !message.empty()) append(one_line(message));
  if (const std::string tracking = text_of(object, "trackingId"); !tracking.empty()) {
    append("(trackingId " + one_line(tracking, 64) + ")");
  }
  return text;
}

/// `status`: of HTTP, or the one that an errorCode begins with.
Fault fault_of_status(std::int64_t status) {
  switch (status) {
    case 401: return Fault::DpsUnauthorized;
    case 403: return Fault::DpsForbidden;
    case 404: return Fault::DpsNotFound;
    case 409:
    case 412: return Fault::DpsConflict;
    case 429: return Fault::DpsThrottled;
    case 408: return Fault::DpsUnavailable;  // the server or a proxy gave up waiting: as passing as a 504
    default: return status >= 500 && status <= 599 ? Fault::DpsUnavailable : Fault::DpsProtocol;
  }
}

Fault fault_of_error_code(std::int64_t code) {
  // These three are cleared by an operator or by time, unlike other kinds of 400.
  if (code >= 400207 && code <= 400209) return Fault::DpsFailed;
  return fault_of_status(code < 1000 ? code : code / 1000);
}

bool is_host(std::string_view text) {
  // Also "[::1]" and "127.0.0.2", which a virtual Azure may use.
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  });
}

bool is_device_id(std::string_view text) {
  // The documented alphabet. It becomes part of topics: '/', '+' and '#' would make other topics of them.
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-.%_*?!(),:=@$'").find(c) != std::string_view::npos;
  });
}

core::Result<DpsAnswer> read_assigned(const json& registration) {
  DpsAssigned assigned{{text_of(registration, "assignedHub"), text_of(registration, "deviceId")},
                       one_line(text_of(registration, "substatus"), 64)};
  if (!is_host(assigned.assignment.hub)) {
    return core::fail(Fault::DpsProtocol, "DPS assigned the device, but its assignedHub is no host name: '" +
                                              one_line(assigned.assignment.hub) + "'");
  }
  if (!is_device_id(assigned.assignment.device_id)) {
    return core::fail(Fault::DpsProtocol, "DPS assigned the device, but its deviceId is none: '" +
                                              one_line(assigned.assignment.device_id) + "'");
  }
  return assigned;
}

core::Result<DpsAnswer> read_assigning(const json& body, std::optional<std::chrono::seconds> retry_after) {
  std::string operation_id = text_of(body, "operationId");
  if (operation_id.empty()) {
    return core::fail(Fault::DpsProtocol, "DPS is still assigning, but names no operationId to ask for");
  }
  return DpsAssigning{std::move(operation_id), std::max(retry_after.value_or(k_usual_poll), k_shortest_poll)};
}

tl::unexpected<Error> failed(Fault fault, const std::string& headline, const std::string& details,
                             std::optional<std::chrono::seconds> retry_after) {
  return tl::unexpected(Error{fault, details.empty() ? headline : headline + ": " + details, retry_after});
}

}  // namespace

std::string dps_register_path(std::string_view id_scope, std::string_view registration_id) {
  return registration_path(id_scope, registration_id) + "/register" + std::string(k_query);
}

std::string dps_operation_path(std::string_view id_scope, std::string_view registration_id,
                               std::string_view operation_id) {
  return registration_path(id_scope, registration_id) + "/operations/" + percent_encode(operation_id) +
         std::string(k_query);
}

std::string dps_register_body(std::string_view registration_id, std::string_view model_id) {
  const nlohmann::ordered_json body{{"registrationId", registration_id}, {"payload", {{"modelId", model_id}}}};
  // Both come from the configuration; bytes that are not UTF-8 become U+FFFD and are then refused by DPS.
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

core::Result<DpsAnswer> read_dps_answer(int status_code, std::string_view body,
                                        std::optional<std::chrono::seconds> retry_after) {
  const std::string headline = "DPS answered " + std::to_string(status_code);
  const bool is_success = status_code >= 200 && status_code < 300;

  const core::Result<std::string> text = compact_json(body);
  const json answer = text ? json::parse(*text, nullptr, /*allow_exceptions=*/false) : json();
  if (!answer.is_object()) {
    // A proxy or a balancer answers in HTML.
    if (!is_success) return failed(fault_of_status(status_code), headline, one_line(body, 80), retry_after);
    return failed(Fault::DpsProtocol, headline + " with a body that is not a JSON object", one_line(body, 80), {});
  }
  const json registration = answer.value("registrationState", json());
  const std::string status = text_of(answer, "status");

  if (status == "failed") {
    return failed(Fault::DpsFailed, "DPS could not assign the device", describe(registration, "errorMessage"),
                  retry_after);
  }
  if (status == "disabled") {
    return failed(Fault::DpsDisabled, "the device's enrolment is disabled in DPS",
                  describe(registration, "errorMessage"), retry_after);
  }
  if (const std::int64_t code = error_code_of(answer); code != 0) {
    return failed(fault_of_error_code(code), headline, describe(answer, "message"), retry_after);
  }
  if (!is_success) {
    return failed(fault_of_status(status_code), headline, describe(answer, "message"), retry_after);
  }
  if (status == "assigned") return read_assigned(registration);
  if (status == "assigning" || status == "unassigned") return read_assigning(answer, retry_after);
  return core::fail(Fault::DpsProtocol, headline + " with an unknown status '" + one_line(status, 40) + "'");
}

}  // namespace iotc_ha::azure
