#pragma once

#include <iotc_ha/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

namespace iotc_ha::bench {

/// What is to happen, by the millisecond, the soonest first: a wheel of two minutes, and a heap for what is further
/// away. Nearly all of some hundred million entries pass through the wheel alone, which costs a fifth of a heap.
/// `Entry` has a member `at`. Entries of the same millisecond come in an order that is always the same, but no certain
/// one.
template <typename Entry>
class Agenda {
 public:
  explicit Agenda(core::Instant begin) : present_(tick_of(begin)), wheel_(k_slots) {}

  /// The millisecond in which it will be.
  core::Instant push(Entry entry) {
    const std::int64_t tick = std::max(tick_of(entry.at), present_);
    entry.at = instant_of(tick);
    ++size_;
    if (tick < present_ + k_slots) {
      slot_of(tick).push_back(entry);
    } else {
      far_.push(entry);
    }
    return entry.at;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// There is one.
  [[nodiscard]] Entry pop() {
    while (slot_of(present_).empty()) {
      ++present_;
      while (!far_.empty() && tick_of(far_.top().at) < present_ + k_slots) {
        slot_of(tick_of(far_.top().at)).push_back(far_.top());
        far_.pop();
      }
    }
    const Entry entry = slot_of(present_).back();
    slot_of(present_).pop_back();
    --size_;
    return entry;
  }

 private:
  static constexpr std::int64_t k_slots = std::int64_t{1} << 17;
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.at > b.at; }
  };

  static std::int64_t tick_of(core::Instant at) {
    return std::chrono::ceil<std::chrono::milliseconds>(at.time_since_epoch()).count();
  }
  static core::Instant instant_of(std::int64_t tick) { return core::Instant{std::chrono::milliseconds{tick}}; }
  std::vector<Entry>& slot_of(std::int64_t tick) { return wheel_[static_cast<std::size_t>(tick % k_slots)]; }

  std::int64_t present_;
  std::vector<std::vector<Entry>> wheel_;
  std::priority_queue<Entry, std::vector<Entry>, Later> far_;
  std::size_t size_ = 0;
};

}  // namespace iotc_ha::bench
