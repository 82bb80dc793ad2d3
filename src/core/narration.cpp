#include "narration.hpp"

#include <cstdint>

namespace iotc_ha::core {

std::string spoken(std::chrono::microseconds duration) {
  using namespace std::chrono;
  if (duration < microseconds::zero()) duration = microseconds::zero();
  if (duration < seconds{10}) {
    const auto tenths = (duration + milliseconds{50}) / milliseconds{100};
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  }
  const auto two = [](std::int64_t many, const char* large, std::int64_t few, const char* small) {
    std::string text = std::to_string(many) + large;
    if (few != 0) text += " " + std::to_string(few) + small;
    return text;
  };
  const std::int64_t s = duration / seconds{1};
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return two(s / 60, " min", s % 60, " s");
  if (s < 86'400) return two(s / 3600, " h", s % 3600 / 60, " min");
  return two(s / 86'400, " d", s % 86'400 / 3600, " h");
}

std::string spoken(const Error& error) { return error.what + " (" + std::string{name_of(error.fault)} + ")"; }

}  // namespace iotc_ha::core
