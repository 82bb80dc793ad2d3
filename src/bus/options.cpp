#include "options.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace iotc_ha::bus {
namespace {

/// The last microsecond that ISO 8601 can write with four digits for the year, as hubs want it.
constexpr std::uint64_t k_latest = 253'402'300'799'999'999;
static_assert(std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1}.time_since_epoch() /
                      std::chrono::microseconds{1} -
                  1 ==
              k_latest);

using Fault = std::optional<std::string>;

template <typename T>
Fault read(const std::string& name, const sdbus::Variant& value, const char* type, T& into) {
  if (!value.containsValueOfType<T>()) {
    return "option \"" + name + "\" must be of type " + type + ", not " + std::string(value.peekValueType());
  }
  into = value.get<T>();
  return std::nullopt;
}

Fault read_option(const std::string& name, const sdbus::Variant& value, core::Submission& into) {
  if (name == "component") return read(name, value, "s", into.component);
  if (name == "message_id") return read(name, value, "s", into.message_id);
  if (name == "properties") {
    std::map<std::string, std::string> properties;
    Fault fault = read(name, value, "a{ss}", properties);
    into.properties.assign(properties.begin(), properties.end());
    return fault;
  }
  if (name == "timestamp") {
    std::uint64_t timestamp = 0;
    if (Fault fault = read(name, value, "t", timestamp)) return fault;
    if (timestamp == 0 || timestamp > k_latest) {
      return "option \"timestamp\" must be microseconds since 1970, from 1 to " + std::to_string(k_latest) +
             " (the end of the year 9999), not " + std::to_string(timestamp);
    }
    into.created = core::WallTime{std::chrono::microseconds{timestamp}};
    return std::nullopt;
  }
  return "option \"" + name + "\" is not one of component, properties, timestamp, message_id";
}

}  // namespace

tl::expected<core::Submission, std::string> read_options(const std::map<std::string, sdbus::Variant>& options,
                                                         core::WallTime now) {
  core::Submission message;
  message.created = now;
  for (const auto& [name, value] : options) {
    if (const Fault fault = read_option(name, value, message)) return tl::unexpected(*fault);
  }
  return message;
}

}  // namespace iotc_ha::bus
