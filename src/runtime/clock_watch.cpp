#include "clock_watch.hpp"

#include <utility>

namespace iotc_ha::runtime {

ClockWatch::ClockWatch(const Shown& first)
    : real_ahead_(first.realtime - first.boottime), asleep_(first.boottime - first.monotonic) {}

ClockWatch::Change ClockWatch::look(const Shown& now) {
  Change change;
  const auto set = now.realtime - now.boottime - real_ahead_;
  if (std::chrono::abs(set) > k_least) {
    change.set = std::chrono::round<std::chrono::seconds>(set);
    real_ahead_ += set;
  }
  const auto asleep = now.boottime - now.monotonic;
  const auto slept = asleep - std::exchange(asleep_, asleep);
  if (slept > k_least) change.slept = std::chrono::round<std::chrono::seconds>(slept);
  return change;
}

}  // namespace iotc_ha::runtime
