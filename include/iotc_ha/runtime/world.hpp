#pragma once

#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace iotc_ha::runtime {

/// What changes around the process and ends a wait early: a new address or route, or a link that works again
/// (rtnetlink), a clock that was set (timerfd with TFD_TIMER_CANCEL_ON_SET), a machine that was asleep (CLOCK_BOOTTIME
/// has gone on, CLOCK_MONOTONIC has not). Loop thread.
class World {
 public:
  enum class Change : std::uint8_t {
    Network,   ///< an address or a route has come; one that goes is no news, the session finds out by itself
    ClockSet,  ///< by more than a second
    Resumed,   ///< from a sleep of more than a second
  };
  struct News {
    Change change;
    std::chrono::seconds by{0};  ///< how far the clock was set (forward is positive), or how long the sleep was
  };
  /// `on_news` is called on the loop, once for each kind of change that comes within `k_settle` of each other, after
  /// all of it has come; it must not destroy the World. Where the kernel refuses (no AF_NETLINK in a sandbox), that
  /// kind of news does not come, or late, and `trouble()` says so.
  World(Loop& loop, std::function<void(News)> on_news);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// One line, "" when all is watched.
  [[nodiscard]] const std::string& trouble() const;

  static constexpr std::chrono::milliseconds k_settle{200};

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::runtime
