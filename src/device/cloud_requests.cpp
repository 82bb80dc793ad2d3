#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/device/sample.hpp>

#include <algorithm>
#include <optional>

namespace iotc_ha::device {
namespace {

constexpr std::string_view k_echo = "echo";
constexpr std::string_view k_set_alarm = "setAlarm";
constexpr std::string_view k_fan_speed = "fanSpeed";

MethodAnswer refuse_method(int status, std::string_view name, const std::string& why) {
  const std::string shown = '\'' + azure::one_line(name, 80) + '\'';
  // one_line() leaves nothing but UTF-8, which is what quoting asks for.
  const std::string text = azure::quote_json("method " + shown + ": " + why).value();
  return {status, R"({"error":)" + text + '}', "method " + shown + " answered " + std::to_string(status) + ": " + why};
}

/// Two digits in a range, cut off the front.
bool take_two_digits(std::string_view& text, int low, int high) {
  const auto number = text.size() < 2 ? std::nullopt : azure::read_number<unsigned>(text.substr(0, 2));
  if (!number || static_cast<int>(*number) < low || static_cast<int>(*number) > high) return false;
  text.remove_prefix(2);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// The schema `time` of DTDL: "14:30", "14:30:00", "14:30:00.5Z", "14:30:00+01:00". ISO 8601 lets the seconds and the
/// zone be left out, and IoT Central does so.
bool is_iso_time(std::string_view text) {
  if (!take_two_digits(text, 0, 23) || !take(text, ':') || !take_two_digits(text, 0, 59)) return false;
  if (take(text, ':')) {
    if (!take_two_digits(text, 0, 60)) return false;  // 60: a leap second
    if (take(text, '.')) {
      const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
      if (digits == 0) return false;
      text.remove_prefix(digits);
    }
  }
  if (take(text, 'Z') || text.empty()) return text.empty();
  return (take(text, '+') || take(text, '-')) && take_two_digits(text, 0, 23) && take(text, ':') &&
         take_two_digits(text, 0, 59) && text.empty();
}

CommandOutcome set_alarm(std::string_view payload) {
  std::string json = azure::compact_json(payload).value_or("");
  const std::string_view text = json;
  if (text.size() <= 40 && text.starts_with('"') && is_iso_time(text.substr(1, text.size() - 2))) {
    return {true, "command setAlarm: the alarm is set to " + json.substr(1, json.size() - 2)};
  }
  return {true, "command setAlarm: ignored, because its payload is no JSON string with an ISO 8601 time"};
}

azure::Acknowledgement acknowledge(const azure::DesiredProperty& property, int code, std::uint64_t version,
                                   std::string description) {
  return {property.name, property.json_value, code, version, std::move(description)};
}

/// fanSpeed is an integer in the template, which DTDL defines as one of 32 bits; 42.0 is none.
azure::Acknowledgement apply_fan_speed(const azure::DesiredProperty& property, DesiredOutcome& outcome,
                                       std::uint64_t version) {
  if (property.json_value == "null") {
    outcome.journal += "; fanSpeed removed";
    return acknowledge(property, 200, version, "removed");
  }
  const std::optional<std::int32_t> speed = azure::read_number<std::int32_t>(property.json_value);
  if (!speed) {
    outcome.journal += "; fanSpeed refused: not an integer";
    return acknowledge(property, 400, version, "fanSpeed must be an integer of 32 bits");
  }
  outcome.fan_speed = *speed;
  outcome.journal += "; fanSpeed set to " + std::to_string(*speed);
  return acknowledge(property, 200, version, "completed");
}

}  // namespace

bool knows_method(std::string_view name) { return name == k_echo; }
bool knows_command(std::string_view name) { return name == k_set_alarm; }
bool knows_property(std::string_view name) { return name == k_fan_speed; }

MethodAnswer answer_method(std::string_view name, std::string_view payload) {
  if (!knows_method(name)) return refuse_method(404, name, "this device does not have it");
  if (payload.empty()) return {200, "null", "method echo answered 200"};
  if (const auto json = azure::compact_json(payload); !json) {
    return refuse_method(400, name, "the payload cannot be read: " + json.error().what);
  }
  return {200, std::string(payload), "method echo answered 200"};
}

CommandOutcome take_command(std::string_view name, std::string_view payload) {
  if (name.empty()) return {false, "cloud-to-device message without a method-name: ignored"};
  if (!knows_command(name)) {
    return {false, "command '" + azure::one_line(name, 80) + "': ignored, this device does not have it"};
  }
  return set_alarm(payload);
}

DesiredOutcome apply_desired(const azure::DesiredDocument& document) {
  DesiredOutcome outcome;
  outcome.journal = "desired properties, version " + std::to_string(document.version);
  std::string unknown;
  for (const azure::DesiredProperty& property : document.properties) {
    if (knows_property(property.name)) {
      outcome.acknowledgements.push_back(apply_fan_speed(property, outcome, document.version));
    } else {
      outcome.unknown.push_back(property.name);
      // The line is cut below; a document of a thousand names need not be put together for it.
      if (unknown.size() < 400) unknown += (unknown.empty() ? "" : ", ") + azure::one_line(property.name, 40);
    }
  }
  if (!unknown.empty()) outcome.journal += "; nobody answers for: " + azure::one_line(unknown);
  return outcome;
}

}  // namespace iotc_ha::device
