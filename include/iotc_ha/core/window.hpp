#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <optional>

namespace iotc_ha::core {

/// How many messages may be unacknowledged at once. It grows by one for each of itself acknowledged in time, and halves
/// when acknowledgements slow down or the session is lost: a hub that throttles first lets them wait ("traffic
/// shaping") and closes the session later (azure-protocol §6), so a long backlog settles at the rate that the hub
/// gives. Pure.
class Window {
 public:
  static constexpr std::size_t k_smallest = 1;
  static constexpr std::size_t k_first = 50;  ///< the sheet's advice for a hub is 10 to 50
  static constexpr std::size_t k_largest = 500;
  /// An acknowledgement that takes no more than this above twice the session's shortest is in time: a way through
  /// mobile networks varies by as much without any throttle.
  static constexpr std::chrono::milliseconds k_slack{250};

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(size_); }

  /// A message sent at `sent_at` has been acknowledged. `was_full`: the window was the limit, so that its size has been
  /// tried out.
  void acknowledged(Instant sent_at, Instant now, bool was_full);
  void session_lost();   ///< halves
  void session_ended();  ///< the next one may have another way: the shortest round trip is measured anew

 private:
  void halve();

  double size_ = k_first;
  std::optional<Instant::duration> shortest_;  ///< of the acknowledgements of this session
  std::optional<Instant> halved_at_;           ///< what was sent before has been answered for already
};

}  // namespace iotc_ha::core
