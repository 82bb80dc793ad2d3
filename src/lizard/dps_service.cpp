#include "dps_service.hpp"

#include "error_body.hpp"
#include "network.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

constexpr std::size_t k_operations_max = 100'000;
constexpr std::size_t k_polls_max = 5;
constexpr std::chrono::seconds k_poll_window{10};
constexpr std::size_t k_body_bytes_max = 96UL * 1024;

HttpAnswer error(int code, const std::string& message, core::WallTime now) {
  return {.status = code / 1000,
          .body = error_body(code, message, now),
          .headers = {{"x-ms-error-code", std::to_string(code)}}};
}

HttpAnswer throttled(std::chrono::seconds retry_after, core::WallTime now) {
  HttpAnswer answer = error(429001, "Operations are being throttled for this tenant.", now);
  answer.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  return answer;
}

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower_case, lower_case);
}

/// The signature is over the resource as it is written in the token. httplib hands out header values percent-decoded,
/// so that how it was written must be guessed: as it came, with %2F, with %2f (all are in use, azure-protocol §1.2).
bool is_signed(azure::TokenFields token, const std::string& resource, const core::Secret& key) {
  if (azure::signature_is_valid(token, key)) return true;
  const std::string upper = azure::percent_encode(resource);
  std::string lower = upper;
  for (std::size_t at = lower.find('%'); at != std::string::npos; at = lower.find('%', at + 1)) {
    std::transform(lower.begin() + static_cast<std::ptrdiff_t>(at), lower.begin() + static_cast<std::ptrdiff_t>(at + 3),
                   lower.begin() + static_cast<std::ptrdiff_t>(at), lower_case);
  }
  for (const std::string& written : {upper, lower}) {
    token.encoded_resource = written;
    if (azure::signature_is_valid(token, key)) return true;
  }
  return false;
}

/// `modelId`, or the older spelling `iotcModelId`; the payload may be an object or a string that holds one.
std::string model_of(const json& body) {
  json payload = body.value("payload", json());
  if (payload.is_string()) payload = json::parse(payload.get_ref<const std::string&>(), nullptr, false);
  if (!payload.is_object()) return "";
  for (const char* key : {"modelId", "iotcModelId"}) {
    if (const auto found = payload.find(key); found != payload.end() && found->is_string()) return *found;
  }
  return "";
}

json registration_state(const Device& device, const std::string& hub) {
  json state{{"registrationId", device.id},
             {"createdDateTimeUtc", azure::iso8601_utc(device.created)},
             {"status", device.enabled ? "assigned" : "disabled"},
             {"lastUpdatedDateTimeUtc", azure::iso8601_utc(device.updated)},
             {"etag", "IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCI="}};
  if (!device.enabled) return state;
  state["assignedHub"] = hub;
  state["deviceId"] = device.id;
  state["substatus"] = device.substatus;
  state["symmetricKey"] = {{"enrollmentGroupId", "SAS-IoT-Devices"}};
  return state;
}

}  // namespace

void DpsService::throttle(std::chrono::seconds retry_after, std::optional<core::WallTime> until) {
  throttled_ = Throttle{retry_after, until};
}

bool DpsService::is_throttled(core::WallTime now) const {
  return throttled_ && (!throttled_->until || *throttled_->until > now);
}

std::optional<DpsService::Route> DpsService::route_of(std::string_view path) {
  // /{scope}/registrations/{id}[/register | /operations/{operation}]
  Route route;
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  const auto next = [&path] {
    const std::size_t end = std::min(path.find('/'), path.size());
    std::string part(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    return part;
  };
  route.scope = next();
  if (next() != "registrations") return std::nullopt;
  route.registration_id = next();
  if (route.scope.empty() || route.registration_id.empty()) return std::nullopt;
  route.rest = std::string(path);
  return route;
}

bool DpsService::accepts(const std::string& scope, const std::string& registration_id, const std::string& text,
                         core::WallTime now) const {
  const auto token = azure::parse_token(text);
  const auto key = cloud_.key_of(registration_id);
  const auto resource = token ? azure::percent_decode(token->encoded_resource) : core::Result<std::string>("");
  return token && key && resource && equal_without_case(*resource, scope + "/registrations/" + registration_id) &&
         token->key_name == "registration" && token->expiry > now && is_signed(*token, *resource, *key);
}

HttpAnswer DpsService::answer(const HttpRequest& request, core::WallTime now) {
  if (refusing_) return error(503000, "The service is unavailable.", now);
  if (is_throttled(now)) return throttled(throttled_->retry_after, now);
  const auto route = route_of(request.path);
  if (!route) return error(404000, "There is nothing at this path.", now);
  if (request.api_version.empty()) return error(400000, "The query parameter api-version is missing.", now);
  if (route->scope != settings_.id_scope) return error(404201, "The ID scope is unknown.", now);
  if (!accepts(route->scope, route->registration_id, request.authorization, now)) {
    cloud_.note(now, "unauthorized", route->registration_id, "", "DPS does not accept the token");
    return error(401002, "Unauthorized", now);
  }
  if (request.method == "PUT" && route->rest == "register") return start(*route, request, now);
  if (request.method == "GET" && route->rest.starts_with("operations/")) {
    return poll(*route, route->rest.substr(std::string_view("operations/").size()), now);
  }
  if (request.method == "POST" && route->rest.empty()) return look_up(*route, now);
  return error(405000, "The method is not allowed here.", now);
}

HttpAnswer DpsService::start(const Route& route, const HttpRequest& request, core::WallTime now) {
  if (!request.content_type.starts_with("application/json")) {
    return error(415000, "The content type must be application/json.", now);
  }
  if (request.body.size() > k_body_bytes_max) return error(400000, "The body is larger than 96 KiB.", now);
  json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  if (!body.is_object()) return error(400004, "The body is not a JSON object.", now);
  const json named = body.value("registrationId", json(route.registration_id));
  if (named != json(route.registration_id)) return error(400005, "registrationId differs from that in the path.", now);

  auto key = cloud_.key_of(route.registration_id);
  if (!key) return error(401002, "Unauthorized", now);
  cloud_.registered(route.registration_id, *key, model_of(body), now);
  ++registrations_;
  const std::string operation_id = "5." + random_hex(16) + "." + random_uuid();
  operations_[operation_id] = {.registration_id = route.registration_id, .assigning_left = settings_.assigning_polls};
  operation_order_.push_back(operation_id);
  if (operation_order_.size() > k_operations_max) {
    operations_.erase(operation_order_.front());
    operation_order_.pop_front();
  }
  Operation& operation = operations_[operation_id];
  if (operation.assigning_left == 0) return decided(operation_id, route.registration_id, now);
  --operation.assigning_left;
  cloud_.note(now, "registering", route.registration_id, "", "");
  return assigning(operation_id, route);
}

HttpAnswer DpsService::assigning(const std::string& operation_id, const Route& route) const {
  const std::string location = "https://" + dps_address(settings_.network) + ":" + std::to_string(settings_.dps_port) +
                               "/" + route.scope + "/registrations/" + azure::percent_encode(route.registration_id) +
                               "/operations/" + operation_id + "?api-version=2021-06-01";
  return {.status = 202,
          .body = json{{"operationId", operation_id}, {"status", "assigning"}}.dump(),
          .headers = {{"Retry-After", std::to_string(settings_.retry_after.count())},
                      {"Location", location},
                      {"x-ms-request-id", random_uuid()}}};
}

HttpAnswer DpsService::poll(const Route& route, const std::string& operation_id, core::WallTime now) {
  ++polls_;
  auto& recent = recent_polls_[route.registration_id];
  while (!recent.empty() && recent.front() + k_poll_window <= now) recent.pop_front();
  if (recent.size() >= k_polls_max) {
    return throttled(std::chrono::ceil<std::chrono::seconds>(recent.front() + k_poll_window - now), now);
  }
  recent.push_back(now);
  const auto found = operations_.find(operation_id);
  if (found == operations_.end() || found->second.registration_id != route.registration_id) {
    return error(404202, "The operation is unknown.", now);
  }
  if (found->second.assigning_left > 0) {
    --found->second.assigning_left;
    return assigning(operation_id, route);
  }
  return decided(operation_id, route.registration_id, now);
}

HttpAnswer DpsService::decided(const std::string& operation_id, const std::string& id, core::WallTime now) {
  const Device& device = cloud_.devices().at(id);
  json body{{"operationId", operation_id}, {"status", device.enabled ? "assigned" : "disabled"}};
  if (device.enabled) {
    const Hub& hub = cloud_.assign(id, now);
    body["registrationState"] = registration_state(device, hub.address);
    cloud_.note(now, "registered", id, hub.name, device.substatus);
  } else {
    body["registrationState"] = registration_state(device, "");
    cloud_.note(now, "registered", id, "", "disabled");
  }
  return {.status = 200, .body = body.dump(), .headers = {{"x-ms-request-id", random_uuid()}}};
}

HttpAnswer DpsService::look_up(const Route& route, core::WallTime now) const {
  const auto found = cloud_.devices().find(route.registration_id);
  if (found == cloud_.devices().end()) return error(404201, "The registration is unknown.", now);
  const Device& device = found->second;
  return {
      .status = 200, .body = registration_state(device, cloud_.hubs()[device.assigned].address).dump(), .headers = {}};
}

}  // namespace iotc_ha::lizard
