#pragma once

#include <chrono>

namespace iotc_ha::core {

/// CLOCK_BOOTTIME as a type: it does not jump with the wall clock and goes on while the machine sleeps. It has no
/// now(): the core is told the time.
struct BootClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};

/// A moment for waiting and measuring.
using Instant = BootClock::time_point;
/// A moment for people and tokens: microseconds since 1970-01-01Z.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace iotc_ha::core
