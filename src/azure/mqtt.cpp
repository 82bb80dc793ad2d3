#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/text.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

namespace iotc_ha::azure {
namespace {

using core::Fault;

constexpr std::string_view k_api_version = "2021-04-12";
constexpr std::string_view k_twin_response = "$iothub/twin/res/";
constexpr std::string_view k_desired_patch = "$iothub/twin/PATCH/properties/desired/";
constexpr std::string_view k_method_request = "$iothub/methods/POST/";
constexpr std::string_view k_creation_time = "iothub-creation-time-utc";
constexpr std::string_view k_boot = "boot";
constexpr std::string_view k_seq = "seq";

/// The value of one parameter of `?a=1&b=2`, as it is written.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
  if (!query.starts_with('?')) return std::nullopt;
  query.remove_prefix(1);
  while (!query.empty()) {
    std::string_view value = cut(query, '&');
    if (cut(value, '=') == name) return value;
  }
  return std::nullopt;
}

/// `204/?$rid=7&$version=3`
std::optional<TwinResponse> read_twin_response(std::string_view rest) {
  const std::optional<int> status = read_number<int>(cut(rest, '/'));
  const std::optional<std::string_view> rid = parameter(rest, "$rid");
  if (!status || *status < 100 || *status > 599 || !rid) return std::nullopt;
  return TwinResponse{*status, std::string(*rid)};
}

/// `echo/?$rid=1a`
std::optional<MethodRequest> read_method_request(std::string_view rest) {
  const std::string_view name = cut(rest, '/');
  const std::optional<std::string_view> rid = parameter(rest, "$rid");
  if (name.empty() || !rid) return std::nullopt;
  return MethodRequest{std::string(name), std::string(*rid)};
}

}  // namespace

std::string hub_user_name(std::string_view hub, std::string_view device_id, std::string_view model_id,
                          std::string_view product) {
  std::string name = std::string(hub) + '/' + std::string(device_id) + "/?api-version=" + std::string(k_api_version);
  name += "&DeviceClientType=" + percent_encode(product);
  name += "&model-id=" + percent_encode(model_id);
  return name;
}

std::array<std::string, 4> hub_subscriptions(std::string_view device_id) {
  return {"devices/" + std::string(device_id) + "/messages/devicebound/#", std::string(k_twin_response) + '#',
          std::string(k_desired_patch) + '#', std::string(k_method_request) + '#'};
}

std::string encode_property_bag(const core::Properties& properties) {
  std::string bag;
  for (const auto& [key, value] : properties) {
    if (!bag.empty()) bag += '&';
    bag += percent_encode(key) + '=' + percent_encode(value);
  }
  return bag;
}

core::Result<core::Properties> parse_property_bag(std::string_view bag) {
  core::Properties properties;
  while (!bag.empty()) {
    std::string_view encoded_value = cut(bag, '&');
    if (encoded_value.empty()) continue;  // "a=1&&b=2", "a=1&"
    core::Result<std::string> key = percent_decode(cut(encoded_value, '='));
    if (!key) return tl::unexpected(key.error());
    core::Result<std::string> value = percent_decode(encoded_value);
    if (!value) return tl::unexpected(value.error());
    if (!is_utf8(*key) || !is_utf8(*value)) {
      return core::fail(Fault::InvalidPayload, "property '" + one_line(*key) + "' is not UTF-8");
    }
    properties.emplace_back(std::move(*key), std::move(*value));
  }
  return properties;
}

std::string telemetry_topic(std::string_view device_id, const core::Telemetry& message) {
  core::Properties properties{{"$.mid", message.message_id}, {"$.ct", "application/json"}, {"$.ce", "utf-8"}};
  if (!message.component.empty()) properties.emplace_back("$.sub", message.component);
  properties.emplace_back(k_creation_time, iso8601_utc(message.created));
  properties.emplace_back(k_boot, std::to_string(message.boot));
  properties.emplace_back(k_seq, std::to_string(message.sequence));
  properties.insert(properties.end(), message.properties.begin(), message.properties.end());
  return "devices/" + std::string(device_id) + "/messages/events/" + encode_property_bag(properties);
}

std::string twin_get_topic(std::uint64_t rid) { return "$iothub/twin/GET/?$rid=" + std::to_string(rid); }

std::string twin_patch_topic(std::uint64_t rid) {
  return "$iothub/twin/PATCH/properties/reported/?$rid=" + std::to_string(rid);
}

std::string method_response_topic(int status, std::string_view rid) {
  return "$iothub/methods/res/" + std::to_string(status) + "/?$rid=" + std::string(rid);
}

CommandName split_command_name(std::string_view full) {
  const std::size_t star = full.find('*');
  if (star == 0 || star == std::string_view::npos || star + 1 == full.size()) return {"", std::string(full)};
  return {std::string(full.substr(0, star)), std::string(full.substr(star + 1))};
}

core::Result<InboundTopic> parse_inbound_topic(std::string_view topic, std::string_view device_id) {
  const std::string cloud_prefix = "devices/" + std::string(device_id) + "/messages/devicebound";
  if (topic.starts_with(k_twin_response)) {
    if (auto response = read_twin_response(topic.substr(k_twin_response.size()))) return *std::move(response);
  } else if (topic.starts_with(k_desired_patch)) {
    return DesiredPatch{};  // its $version stands in the body as well
  } else if (topic.starts_with(k_method_request)) {
    if (auto request = read_method_request(topic.substr(k_method_request.size()))) return *std::move(request);
  } else if (topic == cloud_prefix || topic.starts_with(cloud_prefix + '/')) {
    topic.remove_prefix(std::min(topic.size(), cloud_prefix.size() + 1));
    return parse_property_bag(topic).map(
        [](core::Properties&& properties) -> InboundTopic { return CloudMessage{std::move(properties)}; });
  }
  return core::fail(Fault::HubProtocol, "a message on a topic that no hub should use: '" + one_line(topic) + "'");
}

std::string iso8601_utc(core::WallTime when) {
  using namespace std::chrono;
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<milliseconds>(when - day));
  std::array<char, 40> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                    static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<core::WallTime> read_time(std::string_view text) {
  using namespace std::chrono;
  if (const auto ms = read_number<std::int64_t>(text)) {
    if (*ms < 0 || *ms > duration_cast<milliseconds>(core::WallTime::duration::max()).count()) return std::nullopt;
    return core::WallTime{milliseconds{*ms}};
  }
  std::tm parts{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::string_view zone(rest);
  zone.remove_prefix(std::min(zone.find_first_not_of(".0123456789"), zone.size()));  // parts of a second
  if (!zone.empty() && zone != "Z" && zone != "+00:00") return std::nullopt;
  return core::WallTime{seconds{timegm(&parts)}};
}

}  // namespace iotc_ha::azure
