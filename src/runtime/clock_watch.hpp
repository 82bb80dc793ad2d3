#pragma once

#include <chrono>

namespace iotc_ha::runtime {

/// Tells from what three clocks show that one of them was set, or that the machine was asleep. Pure.
///
/// CLOCK_REALTIME and CLOCK_BOOTTIME go on together, through a sleep too: when their distance changes, the former was
/// set. CLOCK_MONOTONIC stands still in a sleep, and CLOCK_BOOTTIME does not. Slewing (adjtimex) moves all three alike.
class ClockWatch {
 public:
  /// The clocks at one moment.
  struct Shown {
    std::chrono::microseconds realtime{};
    std::chrono::microseconds boottime{};
    std::chrono::microseconds monotonic{};
  };
  struct Change {
    std::chrono::seconds set{0};    ///< how far CLOCK_REALTIME was set since that was last told; forward is positive
    std::chrono::seconds slept{0};  ///< since the last look
  };

  explicit ClockWatch(const Shown& first);
  /// What is not more than `k_least` is no change. Small steps of the clock add up to one; short sleeps do not.
  [[nodiscard]] Change look(const Shown& now);

  static constexpr std::chrono::seconds k_least{1};

 private:
  std::chrono::microseconds real_ahead_;  ///< of CLOCK_BOOTTIME, when that was last told
  std::chrono::microseconds asleep_;      ///< in all, at the last look
};

}  // namespace iotc_ha::runtime
