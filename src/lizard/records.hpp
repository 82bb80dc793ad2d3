#pragma once

#include <iotc_ha/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace iotc_ha::lizard {

/// One thing that happened, as `events` and `run` show it.
struct Occurrence {
  std::uint64_t sequence = 0;
  core::WallTime time{};
  std::string event;
  std::string device;  ///< "" when it concerns none
  std::string hub;     ///< "" when it concerns none
  std::string detail;
};

/// One message that a hub took, as it came.
struct Received {
  std::uint64_t sequence = 0;
  core::WallTime time{};
  std::string device;
  std::size_t hub = 0;
  std::string bag;  ///< the property bag, still encoded
  std::string body;
};

/// Numbered records, the oldest given up when there are too many.
template <typename Record>
class Records {
 public:
  explicit Records(std::size_t keep) : keep_(keep) {}

  void add(Record record) {
    record.sequence = ++last_;
    records_.push_back(std::move(record));
    if (records_.size() > keep_) {
      records_.pop_front();
      ++dropped_;
    }
  }
  /// Up to `count` records that came after number `since`.
  [[nodiscard]] std::vector<Record> after(std::uint64_t since, std::size_t count) const {
    std::vector<Record> found;
    const std::uint64_t first = last_ - records_.size() + 1;
    std::size_t index = since < first ? 0 : static_cast<std::size_t>(since - first + 1);
    for (; index < records_.size() && found.size() < count; ++index) found.push_back(records_[index]);
    return found;
  }
  /// The newest record that `is_wanted`, nullptr if there is none.
  template <typename IsWanted>
  [[nodiscard]] const Record* newest(IsWanted is_wanted) const {
    const auto found = std::find_if(records_.rbegin(), records_.rend(), is_wanted);
    return found == records_.rend() ? nullptr : &*found;
  }
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  std::size_t keep_;
  std::deque<Record> records_;
  std::uint64_t last_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace iotc_ha::lizard
