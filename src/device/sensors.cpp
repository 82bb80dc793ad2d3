#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/device/sample.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <system_error>
#include <vector>

namespace iotc_ha::device {
namespace {

namespace fs = std::filesystem;

struct Measured {
  double value;
  std::string source;  // "thermal_zone0 (x86_pkg_temp)"
};

/// The first line of a small file; nothing when it cannot be read, as a sensor that is asleep answers with an error.
std::optional<std::string> first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<double> number_in(const fs::path& file) {
  const std::optional<std::string> line = first_line(file);
  const std::optional<long> number = line ? azure::read_number<long>(*line) : std::nullopt;
  if (!number) return std::nullopt;
  return static_cast<double>(*number);
}

/// What is in a folder and begins with `prefix`, "thermal_zone2" before "thermal_zone10".
std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().native().starts_with(prefix)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const auto& left = a.native();
    const auto& right = b.native();
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  return found;
}

std::string described(const fs::path& sensor, const fs::path& name_file) {
  const std::string name = azure::one_line(first_line(name_file).value_or(""), 40);
  const std::string place = azure::one_line(sensor.filename().native(), 40);
  return name.empty() ? place : place + " (" + name + ")";
}

/// A zone that is switched off may answer -274 °C or the like.
std::optional<double> temperature_in(const fs::path& file) {
  const std::optional<double> millidegrees = number_in(file);
  if (!millidegrees || *millidegrees < -100'000 || *millidegrees > 200'000) return std::nullopt;
  return *millidegrees / 1000;
}

std::optional<Measured> measure_temp(const fs::path& sys) {
  for (const fs::path& zone : entries(sys / "class/thermal", "thermal_zone")) {
    if (const auto degrees = temperature_in(zone / "temp")) return Measured{*degrees, described(zone, zone / "type")};
  }
  for (const fs::path& chip : entries(sys / "class/hwmon", "hwmon")) {
    for (const fs::path& input : entries(chip, "temp")) {
      if (!input.native().ends_with("_input")) continue;
      if (const auto degrees = temperature_in(input)) return Measured{*degrees, described(chip, chip / "name")};
    }
  }
  return std::nullopt;
}

std::optional<Measured> measure_battery(const fs::path& sys) {
  for (const fs::path& supply : entries(sys / "class/power_supply", "")) {
    // Scope "Device": the battery of a mouse or a pen, not of this machine.
    if (first_line(supply / "type") != "Battery" || first_line(supply / "scope") == "Device") continue;
    const std::optional<double> percent = number_in(supply / "capacity");
    if (percent && *percent >= 0 && *percent <= 100)
      return Measured{*percent, described(supply, supply / "model_name")};
  }
  return std::nullopt;
}

/// splitmix64: the same walk from the same seed with every standard library.
double uniform(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 31U;
  return static_cast<double>(mixed >> 11U) * 0x1.0p-53;
}

/// Adds `"name":21.5`; a value that is not finite adds nothing.
void append_number(std::string& object, std::string_view name, double value) {
  if (!std::isfinite(value)) return;
  if (std::abs(value) < 0.05) value = 0;  // never "-0.0"
  std::array<char, 400> digits{};         // the largest double has 309 before the point
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, 1).ptr;
  object += object.size() > 1 ? ",\"" : "\"";
  object.append(name).append("\":").append(digits.data(), end);
}

}  // namespace

Sensors::Sensors(fs::path sys, std::uint64_t seed) : sys_(std::move(sys)), random_state_(seed) {}

Reading Sensors::step(Walk& walk) {
  const double next = walk.value + (uniform(random_state_) * 2 - 1) * walk.stride;
  walk.value = next < walk.low ? 2 * walk.low - next : next > walk.high ? 2 * walk.high - next : next;
  return {walk.value, true};
}

Reading Sensors::temp() {
  const auto measured = measure_temp(sys_);
  return measured ? Reading{measured->value, false} : step(temp_);
}

Reading Sensors::humidity() { return step(humidity_); }

Reading Sensors::battery() {
  const auto measured = measure_battery(sys_);
  return measured ? Reading{measured->value, false} : step(battery_);
}

std::string Sensors::sources() const {
  const auto name = [](const std::optional<Measured>& measured) { return measured ? measured->source : "simulated"; };
  return "temp: " + name(measure_temp(sys_)) + "; humidity: simulated; battery: " + name(measure_battery(sys_));
}

std::string telemetry_body(const Reading& temp, const Reading& humidity) {
  std::string body = "{";
  append_number(body, "temp", temp.value);
  append_number(body, "humidity", humidity.value);
  return body + '}';
}

std::string battery_patch(const Reading& battery) {
  std::string patch = "{";
  append_number(patch, "battery", battery.value);
  return patch + '}';
}

}  // namespace iotc_ha::device
