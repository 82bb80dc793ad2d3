#include "record_json.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>

namespace iotc_ha::lizard {
namespace {

using nlohmann::ordered_json;

/// What a device sends need not be UTF-8.
std::string text_of(const ordered_json& line) {
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string json_line(const Received& message, const std::string& hub) {
  ordered_json properties = ordered_json::object();
  std::string mid;
  if (const auto bag = azure::parse_property_bag(message.bag)) {
    for (const auto& [key, value] : *bag) {
      properties[key] = value;
      if (key == "$.mid") mid = value;
    }
  } else {
    properties["unreadable"] = message.bag;
  }
  ordered_json body = ordered_json::parse(message.body, nullptr, false);
  if (body.is_discarded()) body = message.body;
  return text_of({{"seq", message.sequence},
                  {"time", azure::iso8601_utc(message.time)},
                  {"time_us", message.time.time_since_epoch().count()},
                  {"hub", hub},
                  {"device", message.device},
                  {"mid", mid},
                  {"properties", std::move(properties)},
                  {"body", std::move(body)}});
}

std::string json_line(const Occurrence& occurrence) {
  const auto or_null = [](const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); };
  return text_of({{"seq", occurrence.sequence},
                  {"time", azure::iso8601_utc(occurrence.time)},
                  {"time_us", occurrence.time.time_since_epoch().count()},
                  {"event", occurrence.event},
                  {"device", or_null(occurrence.device)},
                  {"hub", or_null(occurrence.hub)},
                  {"detail", occurrence.detail}});
}

}  // namespace iotc_ha::lizard
