#pragma once

#include <cstdint>

namespace iotc_ha::daemon {

/// What repeats is written into the journal the 1st, 2nd, 4th, 8th … time.
[[nodiscard]] inline bool worth_a_line(std::uint64_t repeat) { return (repeat & (repeat - 1)) == 0; }

/// Counts what repeats.
class Repetition {
 public:
  /// Once more. True when it is worth a line.
  bool again() { return worth_a_line(++count_); }
  void over() { count_ = 0; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace iotc_ha::daemon
