#include "central_service.hpp"

#include "central_answers.hpp"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <array>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

constexpr std::chrono::minutes k_ttl_default{30};
constexpr std::int64_t k_ttl_minutes_max = 24L * 60;

/// Opaque and stable: 64 hex digits.
std::string hub_identifier(const Hub& hub) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(hub.address.data(), hub.address.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4U];
    text += "0123456789abcdef"[digest[i] & 15U];
  }
  return text;
}

}  // namespace

HttpAnswer CentralService::answer(const HttpRequest& request, core::WallTime now) {
  if (!is_authorized(request, settings_)) {
    return central_error(401, "Unauthorized", "The API token is missing or not valid.", now);
  }
  constexpr std::string_view k_start = "/system/iothub/devices/";
  const std::size_t slash = request.path.rfind('/');
  if (!request.path.starts_with(k_start) || slash < k_start.size()) {
    return central_error(404, "NotFound", "There is nothing at this path.", now);
  }
  const std::string device = request.path.substr(k_start.size(), slash - k_start.size());
  const std::string action = request.path.substr(slash + 1);
  if (action != "manual-failover" && action != "manual-failback") {
    return central_error(404, "NotFound", "There is nothing at this path.", now);
  }
  if (request.method != "POST") return central_error(405, "MethodNotAllowed", "Only POST is allowed here.", now);
  if (!cloud_.devices().contains(device))
    return central_error(404, "NotFound", "There is no device '" + device + "'.", now);
  return action == "manual-failover" ? fail_over(device, request.body, now) : fail_back(device, now);
}

HttpAnswer CentralService::fail_over(const std::string& id, const std::string& body, core::WallTime now) {
  const json options = body.empty() ? json::object() : json::parse(body, nullptr, false);
  if (!options.is_object()) return central_error(422, "InvalidBody", "The body is not a JSON object.", now);
  std::chrono::minutes ttl = k_ttl_default;
  if (const auto found = options.find("ttl"); found != options.end()) {
    if (!found->is_number_integer() || *found < 1 || *found > k_ttl_minutes_max) {
      return central_error(422, "InvalidBody", "ttl must be a whole number of minutes from 1 to 1440.", now);
    }
    ttl = std::chrono::minutes(found->get<std::int64_t>());
  }
  const Device& device = cloud_.devices().at(id);
  const auto& hubs = cloud_.hubs();
  if (hubs.size() < 2) {
    return central_error(422, "UnprocessableContent",
                         "The application has a single hub: there is none to fail over to.", now);
  }
  if (device.ttl_until) {
    return central_error(422, "UnprocessableContent",
                         "The device is failed over already, until " + rfc1123(*device.ttl_until) + ".", now);
  }
  const std::size_t before = device.assigned;
  std::size_t target = (before + 1) % hubs.size();
  for (std::size_t step = 1; step < hubs.size(); ++step) {
    const std::size_t candidate = (before + step) % hubs.size();
    if (hubs[candidate].state != HubState::Up) continue;
    target = candidate;
    break;
  }
  if (const auto moved = cloud_.move(id, target, ttl, now); !moved) {
    return central_error(422, "UnprocessableContent", moved.error().what, now);
  }
  const std::string message =
      "Success! This device is now being failed over. You can check your device's status using 'iot central device "
      "registration-info' command. The device will revert to its original hub at " +
      rfc1123(now + ttl) + ". You can choose to failback earlier using device-manual-failback command.";
  return {.status = 200,
          .body = json{{"hubIdentifier", hub_identifier(hubs[before])}, {"message", message}}.dump(),
          .headers = {}};
}

HttpAnswer CentralService::fail_back(const std::string& id, core::WallTime now) {
  const auto left = cloud_.fail_back(id, now);
  if (!left) return central_error(422, "UnprocessableContent", left.error().what, now);
  return {.status = 200,
          .body = json{{"hubIdentifier", hub_identifier(cloud_.hubs()[*left])},
                       {"message", "Device has successfully failed back to its original hub"}}
                      .dump(),
          .headers = {}};
}

}  // namespace iotc_ha::lizard
