#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace iotc_ha::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[nodiscard]] inline Seconds since(Clock::time_point begin) { return Clock::now() - begin; }
[[nodiscard]] inline double rate(std::uint64_t count, Seconds time) {
  return static_cast<double>(count) / time.count();
}

/// How long each of many calls took.
class Durations {
 public:
  void add(Seconds one) { all_.push_back(one); }
  void add(const Durations& others) { all_.insert(all_.end(), others.all_.begin(), others.all_.end()); }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] Seconds sum() const;
  /// 0.5: the median. Of none: zero.
  [[nodiscard]] double quantile_ms(double part) const;

 private:
  std::vector<Seconds> all_;
};

}  // namespace iotc_ha::bench
