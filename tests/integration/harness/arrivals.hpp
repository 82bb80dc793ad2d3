#pragma once

#include "lizard.hpp"
#include "load.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace iotc_ha::integration {

/// The messages that hubs have received, each once, and what must be true of them. A view of what it is made from.
class Arrivals {
 public:
  /// Expects: what came twice came with the same id, text and time of creation; no two messages have the same id; by
  /// their first receipts, numbers and boots only grow. `late_max` messages may come after one with a higher number, as
  /// a suspect comes after its witness.
  explicit Arrivals(const std::vector<Received>& received, std::size_t late_max = 0);

  [[nodiscard]] std::size_t size() const { return by_number_.size(); }
  [[nodiscard]] std::size_t repeats() const { return repeats_; }
  [[nodiscard]] bool contains(std::uint64_t number) const { return by_number_.contains(number); }
  /// Throws std::out_of_range when it has not arrived.
  [[nodiscard]] const Received& at(std::uint64_t number) const { return *by_number_.at(number); }

  /// Expects every number from 1 to the last that arrived.
  void expect_no_gap() const;
  /// Expects everything that was accepted, with its text, and the numbers of each caller in the order of its calls.
  void expect(const std::vector<Accepted>& accepted) const;

 private:
  std::map<std::uint64_t, const Received*> by_number_;
  std::size_t repeats_ = 0;
};

}  // namespace iotc_ha::integration
