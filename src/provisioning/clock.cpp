#include "clock.hpp"

#include <array>
#include <cstdio>

namespace iotc_ha::provisioning {
namespace {

using namespace std::chrono_literals;

/// Azure refuses tokens when the clocks differ by more.
constexpr std::chrono::minutes k_tolerance{5};
/// IOTC_HA_BUILD_DAY: since 1970-01-01.
constexpr std::chrono::sys_days k_built{std::chrono::days{IOTC_HA_BUILD_DAY}};

std::string in_words(std::chrono::seconds time) {
  const auto whole = [](auto part, const char* unit) { return std::to_string(part.count()) + unit; };
  if (time < 2h) return whole(std::chrono::round<std::chrono::minutes>(time), " min");
  if (time < 48h) return whole(std::chrono::round<std::chrono::hours>(time), " h");
  return whole(std::chrono::round<std::chrono::days>(time), " days");
}

std::string in_words(std::chrono::year_month_day day) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

}  // namespace

std::string clock_remark(std::chrono::system_clock::time_point ours, std::chrono::sys_seconds theirs) {
  const auto ahead = std::chrono::floor<std::chrono::seconds>(ours) - theirs;
  if (std::chrono::abs(ahead) <= k_tolerance) return {};
  return "; this machine's clock is " + in_words(std::chrono::abs(ahead)) + (ahead > 0s ? " ahead of" : " behind") +
         " the service's, which alone makes its tokens invalid";
}

std::string clock_hint(std::chrono::system_clock::time_point ours) {
  const auto today = std::chrono::floor<std::chrono::days>(ours);
  if (today >= k_built) return {};
  return "; this machine's clock says " + in_words(std::chrono::year_month_day(today)) + ", but iotc-ha was built on " +
         in_words(std::chrono::year_month_day(k_built)) + ": is the clock wrong?";
}

}  // namespace iotc_ha::provisioning
