#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/text.hpp>

#include <algorithm>
#include <limits>

namespace iotc_ha::azure {
namespace {

using core::Fault;

/// MQTT 3.1.1 §1.5.3: a string has two bytes for its length.
constexpr std::size_t k_topic_bytes_max = 65'535;
constexpr std::size_t k_device_id_bytes_max = 128;
constexpr std::size_t k_message_id_bytes_max = 128;
constexpr std::size_t k_component_bytes_max = 128;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// What IoT Hub allows in a message id.
bool is_message_id(std::string_view text) {
  return text.size() <= k_message_id_bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || std::string_view("-:.+%_#*?!(),=@;$'").find(c) != std::string_view::npos;
         });
}

/// A DTDL name.
bool is_component(std::string_view text) {
  return text.size() <= k_component_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '_'; });
}

core::Result<void> check_property(const std::string& name, const std::string& value) {
  const auto refuse = [&](const std::string& why) {
    return core::fail(Fault::InvalidPayload, "property '" + one_line(name) + "': " + why);
  };
  if (name.empty()) return core::fail(Fault::InvalidPayload, "a property has no name");
  if (name.starts_with('$') || name.starts_with("iothub-") || name == "boot" || name == "seq") {
    return refuse("this name is the hub's or ours (boot, seq, $..., iothub-...)");
  }
  const auto sendable = [](const std::string& text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
  };
  if (!sendable(name) || !sendable(value)) return refuse("control characters cannot be sent");
  return {};
}

/// The message with the longest texts that we may add to it.
core::Telemetry longest(const core::Submission& message) {
  core::Telemetry telemetry;
  telemetry.sequence = telemetry.boot = std::numeric_limits<std::uint64_t>::max();
  telemetry.message_id = std::string(k_message_id_bytes_max, 'x');
  telemetry.component = message.component;
  telemetry.properties = message.properties;
  telemetry.created = message.created;
  return telemetry;
}

}  // namespace

core::Result<void> check_submission(const core::Submission& message) {
  if (message.body.size() > k_message_size_max) {
    return core::fail(Fault::PayloadTooLarge, "the message has " + std::to_string(message.body.size()) +
                                                  " bytes; a hub takes " + std::to_string(k_message_size_max) +
                                                  " with its properties");
  }
  if (auto json = compact_json(message.body); !json) {
    return core::fail(Fault::InvalidPayload, "the message cannot be sent: " + json.error().what);
  }
  if (!is_message_id(message.message_id)) {
    return core::fail(Fault::InvalidPayload, "the message id '" + one_line(message.message_id) +
                                                 "' is not one: at most 128 letters, digits and -:.+%_#*?!(),=@;$'");
  }
  if (!is_component(message.component)) {
    return core::fail(Fault::InvalidPayload,
                      "'" + one_line(message.component) + "' is no component: at most 128 letters, digits and _");
  }
  std::size_t property_bytes = 0;
  for (const auto& [name, value] : message.properties) {
    if (auto checked = check_property(name, value); !checked) return checked;
    property_bytes += name.size() + value.size();
  }
  // On the wire every byte may become three. Two whole lengths of a topic are too much in any case.
  const std::size_t topic_bytes =
      property_bytes > 2 * k_topic_bytes_max
          ? property_bytes
          : telemetry_topic(std::string(k_device_id_bytes_max, 'd'), longest(message)).size();
  if (topic_bytes > k_topic_bytes_max) {
    return core::fail(Fault::PayloadTooLarge, "the properties need " + std::to_string(topic_bytes) +
                                                  " bytes as an MQTT topic; there is room for " +
                                                  std::to_string(k_topic_bytes_max));
  }
  // What goes in as a topic counts against the hub's limit with about its length there, at most.
  if (message.body.size() + topic_bytes > k_message_size_max) {
    return core::fail(Fault::PayloadTooLarge, "body and properties have " +
                                                  std::to_string(message.body.size() + topic_bytes) +
                                                  " bytes; a hub takes " + std::to_string(k_message_size_max));
  }
  return {};
}

}  // namespace iotc_ha::azure
