#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <deque>

namespace iotc_ha::core {

/// When a registration that DPS is still `assigning` is polled. DPS suggests a pause (Retry-After, 3 s), but has mostly
/// decided within a fraction of a second, and takes 5 polls in 10 s from a device. So, where that is allowed: 0.3, 1
/// and 2.5 s after the register, and then as told; never more than that limit, counted over all registrations of the
/// life. Pure; one for the life of a client.
class PollPace {
 public:
  /// A register was answered `assigning`.
  void registered(Instant now, bool early);
  /// When the next poll may go out, at the soonest; asked when an answer of DPS has come, `now`, that wanted a pause of
  /// `suggested` (0 when it named none). At least 2 s later, but for an early poll.
  [[nodiscard]] Instant next(Instant now, std::chrono::milliseconds suggested) const;
  /// A poll goes out.
  void polled(Instant now);
  /// 429: no early polls any more in this registration, and the pause that DPS asks for.
  void throttled() { early_ = false; }

  static constexpr std::size_t k_polls_max = 5;
  static constexpr std::chrono::seconds k_polls_span{10};

 private:
  Instant registered_at_{};
  bool early_ = false;
  std::size_t early_made_ = 0;
  std::deque<Instant> polls_;  ///< the last k_polls_max
};

}  // namespace iotc_ha::core
