#include "central_api.hpp"

#include "central_answers.hpp"
#include "device_template.hpp"
#include "property_documents.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr const char* k_version = "2022-07-31";
constexpr std::size_t k_executions_max = 10'000;
constexpr std::size_t k_method_bytes_max = 128UL * 1024;
constexpr std::size_t k_message_bytes_max = 64UL * 1024;

HttpAnswer answer_of(int status, const json& body) {
  return {.status = status, .body = body.dump(-1, ' ', false, json::error_handler_t::replace), .headers = {}};
}

std::string random_id() {
  std::random_device device;
  std::string text = "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx";
  for (char& c : text) {
    if (c == 'x') c = "0123456789abcdef"[device() % 16];
  }
  return text;
}

/// Names of components, commands and telemetry, as DTDL has them.
bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 512 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string method_of(const std::string& component, const std::string& name) {
  return component.empty() ? name : component + "*" + name;
}

json description_of(const Device& device) {
  json result{{"id", device.id},
              {"etag", std::to_string(device.updated.time_since_epoch().count()) + (device.enabled ? "e" : "d")},
              {"displayName", device.id},
              {"simulated", false},
              {"provisioned", device.registrations > 0},
              {"enabled", device.enabled}};
  if (!device.model_id.empty()) result["template"] = device.model_id;
  return result;
}

/// The telemetry `name` in a message of this component; discarded when it is not there.
json value_in(const Received& message, const std::string& component, const std::string& name, std::string& time) {
  json missing(json::value_t::discarded);
  if (message.body.find('"' + name + '"') == std::string::npos) return missing;  // most can be told without parsing
  std::string sender;
  time = azure::iso8601_utc(message.time);
  for (const auto& [key, value] : azure::parse_property_bag(message.bag).value_or(core::Properties{})) {
    if (key == "$.sub") sender = value;
    if (key == "iothub-creation-time-utc") time = value;
  }
  if (sender != component) return missing;
  const json body = json::parse(message.body, nullptr, false);
  return body.is_object() && body.contains(name) ? body.at(name) : missing;
}

/// A whole number of seconds of a command's body.
core::Result<seconds> seconds_in(const json& body, const char* key, seconds least, seconds most, seconds otherwise) {
  const auto found = body.find(key);
  if (found == body.end()) return otherwise;
  if (!found->is_number_integer() || *found < least.count() || *found > most.count()) {
    return core::fail(core::Fault::InvalidPayload, std::string(key) + " must be a whole number of seconds from " +
                                                       std::to_string(least.count()) + " to " +
                                                       std::to_string(most.count()) + ".");
  }
  return seconds(found->get<std::int64_t>());
}

}  // namespace

core::Result<CentralApi::Route> CentralApi::route_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 1; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  const auto nothing = core::fail(core::Fault::InvalidPayload, "There is nothing at this path.");
  if (parts.size() < 2 || parts[1] != "devices") return nothing;
  Route route;
  std::size_t next = 2;
  const auto take = [&] { return next < parts.size() ? parts[next++] : std::string(); };
  route.device = take();
  route.what = take();
  if (route.what == "components") {
    route.component = take();
    route.what = take();
    if (!is_name(route.component)) return nothing;
  }
  route.name = take();
  const bool named = route.what == "commands" || route.what == "telemetry";
  const bool nameless =
      route.what == "properties" || (route.component.empty() && (route.what.empty() || route.what == "credentials"));
  if (next != parts.size() || (!named && !nameless) || (named ? !is_name(route.name) : !route.name.empty())) {
    return nothing;
  }
  return route;
}

std::variant<HttpAnswer, CommandOrder> CentralApi::answer(const HttpRequest& request, core::WallTime now) {
  if (!is_authorized(request, settings_)) {
    return central_error(401, "Unauthorized", "The API token is missing or not valid.", now);
  }
  if (request.api_version != k_version) {
    const std::string given = request.api_version.empty() ? "undefined" : request.api_version;
    return central_error(404, "NotFound", "\"" + given + "\" is not a valid API version.", now);
  }
  const auto route = route_of(request.path);
  if (!route) return central_error(404, "NotFound", route.error().what, now);
  const auto not_allowed = [&] {
    return central_error(405, "MethodNotAllowed", request.method + " is not allowed here.", now);
  };
  const bool reads = request.method == "GET";
  if (route->device.empty()) return reads ? list() : not_allowed();
  const auto found = cloud_.devices().find(route->device);
  if (found == cloud_.devices().end()) {
    return central_error(404, "NotFound", "There is no device '" + route->device + "'.", now);
  }
  const Device& target = found->second;
  if (route->what.empty()) {
    return reads || request.method == "PATCH" ? device(target, request, now) : not_allowed();
  }
  if (route->what == "credentials") return reads ? credentials(target) : not_allowed();
  if (route->what == "telemetry") return reads ? telemetry(*route, now) : not_allowed();
  if (route->what == "commands") {
    if (request.method == "POST") return command(target, *route, request, now);
    return reads ? last_command(*route) : not_allowed();
  }
  const bool writes = request.method == "PATCH" || request.method == "PUT";
  return reads || writes ? properties(target, *route, request, now) : not_allowed();
}

HttpAnswer CentralApi::list() const {
  json devices = json::array();
  for (const auto& [id, device] : cloud_.devices()) devices.push_back(description_of(device));
  return answer_of(200, {{"value", std::move(devices)}});
}

HttpAnswer CentralApi::device(const Device& device, const HttpRequest& request, core::WallTime now) {
  if (request.method == "PATCH") {
    const json changes = json::parse(request.body, nullptr, false);
    if (!changes.is_object()) return central_error(400, "BadRequest", "The body is not a JSON object.", now);
    if (changes.size() != 1 || !changes.contains("enabled") || !changes["enabled"].is_boolean()) {
      return central_error(422, "UnprocessableContent", "Only 'enabled' can be changed here, to true or false.", now);
    }
    if (const auto set = cloud_.set_enabled(device.id, changes["enabled"].get<bool>(), now); !set) {
      return central_error(422, "UnprocessableContent", set.error().what, now);
    }
  }
  return answer_of(200, description_of(device));
}

HttpAnswer CentralApi::credentials(const Device& device) const {
  // A device has one key here. Named twice, so that a caller that takes the second is accepted as well.
  const std::string& key = device.key.reveal();
  return answer_of(200,
                   {{"idScope", settings_.id_scope}, {"symmetricKey", {{"primaryKey", key}, {"secondaryKey", key}}}});
}

HttpAnswer CentralApi::properties(const Device& device, const Route& route, const HttpRequest& request,
                                  core::WallTime now) {
  if (request.method == "GET") {
    return {.status = 200, .body = properties_of(device.twin, route.component), .headers = {}};
  }
  const auto change = desired_change(device.twin, route.component, request.body, request.method == "PUT");
  if (!change) return central_error(400, "BadRequest", change.error().what, now);
  if (const auto version = cloud_.patch_desired(device.id, change->patch, now); !version) {
    return central_error(422, "UnprocessableContent", version.error().what, now);
  }
  return {.status = 200, .body = change->answer, .headers = {}};
}

HttpAnswer CentralApi::telemetry(const Route& route, core::WallTime now) const {
  json value;
  std::string time;
  const Received* message = cloud_.telemetry().newest([&](const Received& candidate) {
    if (candidate.device != route.device) return false;
    value = value_in(candidate, route.component, route.name, time);
    return !value.is_discarded();
  });
  if (message == nullptr) {
    return central_error(404, "NotFound", "The device has sent no telemetry '" + route.name + "'.", now);
  }
  return answer_of(200, {{"timestamp", time}, {"value", std::move(value)}});
}

// ------------------------------------------------------------------------------------------------------------ commands

void CentralApi::remember(const std::string& device, const std::string& method, std::string execution) {
  if (executions_.size() >= k_executions_max) executions_.erase(executions_.begin());
  executions_[{device, method}] = std::move(execution);
}

HttpAnswer CentralApi::last_command(const Route& route) const {
  json value = json::array();
  const auto found = executions_.find({route.device, method_of(route.component, route.name)});
  if (found != executions_.end()) value.push_back(json::parse(found->second));
  return answer_of(200, {{"value", std::move(value)}});
}

std::variant<HttpAnswer, CommandOrder> CentralApi::command(const Device& device, const Route& route,
                                                           const HttpRequest& request, core::WallTime now) {
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  if (!body.is_object()) return central_error(400, "BadRequest", "The body is not a JSON object.", now);
  const auto connection = seconds_in(body, "connectionTimeout", seconds(0), seconds(30), seconds(0));
  if (!connection) return central_error(422, "UnprocessableContent", connection.error().what, now);
  const auto response = seconds_in(body, "responseTimeout", seconds(5), seconds(30), seconds(30));
  if (!response) return central_error(422, "UnprocessableContent", response.error().what, now);

  const bool durable = route.component.empty() && is_durable_command(device.model_id, route.name);
  CommandOrder order{.id = random_id(),
                     .device = device.id,
                     .method = method_of(route.component, route.name),
                     .request = body.value("request", json()).dump(),
                     .connection_timeout = *connection,
                     .response_timeout = *response};
  if (order.request.size() > (durable ? k_message_bytes_max : k_method_bytes_max)) {
    return central_error(422, "UnprocessableContent", "The request is larger than a command may be.", now);
  }
  if (!durable) return order;

  const auto mid = cloud_.send(device.id, order.request, {{"method-name", order.method}}, "", now);
  if (!mid) return central_error(422, "UnprocessableContent", mid.error().what, now);
  const json execution{{"id", *mid}, {"request", json::parse(order.request)}};
  remember(order.device, order.method, execution.dump());
  return answer_of(201, execution);
}

HttpAnswer CentralApi::completed(const CommandOrder& order, const core::Result<CommandAnswer>& outcome,
                                 core::WallTime now) {
  if (!outcome) {
    if (outcome.error().fault == core::Fault::Unreachable) {
      return central_error(404, "NotFound", "Could not connect to device in order to send command.", now);
    }
    // The code 408 is what the application shows to people ("Gateway timeout waiting for device …", 408.…).
    return central_error(408, "RequestTimeout", "Gateway timeout: " + outcome.error().what + ".", now);
  }
  json execution{{"id", order.id},
                 {"request", json::parse(order.request)},
                 {"response", json()},
                 {"responseCode", outcome->status}};
  if (!outcome->payload.empty()) {
    execution["response"] = json::parse(outcome->payload, nullptr, false);
    if (execution["response"].is_discarded()) {
      return central_error(502, "BadGateway", "The device's response is not JSON.", now);
    }
  }
  remember(order.device, order.method, execution.dump(-1, ' ', false, json::error_handler_t::replace));
  return answer_of(201, execution);
}

}  // namespace iotc_ha::lizard
