#pragma once

#include "sqlite.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::spool {

/// Numbers after `after` and before `before`.
struct Gap {
  std::uint64_t after = 0;
  std::uint64_t before = 0;
};

/// For how long may be read. The clock is another in tests.
class TimeLimit {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  TimeLimit(std::chrono::seconds limit, Clock clock) : clock_(std::move(clock)), end_(clock_() + limit) {}
  [[nodiscard]] bool over() const { return clock_() >= end_; }

 private:
  Clock clock_;
  std::chrono::steady_clock::time_point end_;
};

/// Reads what can be read of a table in a damaged database: in order until it gets no further, from the other end back,
/// and then whatever lies in the gap between, from points that halve it again and again.
class Rescue {
 public:
  /// What became of a row.
  enum class Verdict : std::uint8_t {
    Taken,
    Damaged,  ///< it is not what was written
    Stop,     ///< and read no more
  };
  using Take = std::function<Verdict(const Run& columns)>;

  /// `limit` must live as long. `columns` of `table`, the first of which is its `key`, a number.
  Rescue(Connection& damaged, std::string table, std::string key, std::string columns, const TimeLimit& limit,
         Take take)
      : connection_(damaged),
        table_(std::move(table)),
        key_(std::move(key)),
        columns_(std::move(columns)),
        limit_(limit),
        take_(std::move(take)) {}

  /// `before`: a number that none reaches, or 0 when that is not known. Answers what could not be read.
  std::vector<Gap> run(std::uint64_t before);
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  enum class End : std::uint8_t { Reached, Stuck };
  /// Moves the end of the gap from which it reads as far as it gets.
  End read(Gap& gap, bool backwards);

  Connection& connection_;
  std::string table_;
  std::string key_;
  std::string columns_;
  const TimeLimit& limit_;
  Take take_;
  std::vector<Gap> lost_;
  unsigned probes_ = 0;
  bool out_of_time_ = false;
  bool stopped_ = false;
};

}  // namespace iotc_ha::spool
