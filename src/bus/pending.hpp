#pragma once

#include "sdbus.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

namespace iotc_ha::bus {

/// Calls of one kind that wait for their answer, under a number each. A call holds a message of its connection, and so
/// must be gone before that: whoever is to answer knows the number only.
template <typename... Values>
class Pending {
 public:
  using Call = sdbus::Result<Values...>;

  explicit Pending(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] bool full() const { return calls_.size() >= limit_; }
  std::uint64_t keep(Call&& call) {
    calls_.emplace(++last_, std::move(call));
    return last_;
  }
  /// Nothing when it has been taken before.
  std::optional<Call> take(std::uint64_t number) {
    auto found = calls_.extract(number);
    if (found.empty()) return std::nullopt;
    return std::optional<Call>(std::move(found.mapped()));
  }

 private:
  const std::size_t limit_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Call> calls_;
};

}  // namespace iotc_ha::bus
