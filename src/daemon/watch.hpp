#pragma once

#include "settings.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/link_watch.hpp>
#include <iotc_ha/core/supervisor.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace iotc_ha::daemon {

/// Looks after the open session: core::LinkWatch with a timer and with words. The uplink and the twin tell it of each
/// question and of each answer. Loop thread.
class Watch {
 public:
  /// Called from the loop, never from inside a call of this class, and only between session_opened() and
  /// session_ended().
  struct Listener {
    /// An answer is late. `what`: without the hub's name, "has not acknowledged a message for 1.2 s". A probe follows.
    std::function<void(core::AttemptId, std::string what)> suspect;
    std::function<void(core::AttemptId)> relieved;
    /// Something small that the hub must answer would tell more.
    std::function<void()> probe;
    /// The session is to be given up; the error says why, without the hub's name. Comes again until session_ended().
    std::function<void(core::AttemptId, core::Error)> dead;
  };
  Watch(runtime::Loop& loop, const Settings& settings, Listener listener);

  /// `connect`: how long it took to open, if that is known.
  void session_opened(core::AttemptId attempt, std::optional<std::chrono::microseconds> connect);
  void session_ended();  ///< also when there was none

  // Without a session these do nothing.
  void asked(core::LinkWatch::Question question, std::uint64_t id, std::size_t bytes);
  void answered(core::LinkWatch::Question question, std::uint64_t id);

 private:
  void look();
  void arm();
  [[nodiscard]] std::string what() const;

  runtime::Loop& loop_;
  const Settings& settings_;
  const Listener listener_;

  core::LinkWatch link_;
  std::optional<core::AttemptId> attempt_;
  bool given_up_ = false;  ///< this session, by us
  std::unique_ptr<runtime::Loop::Timer> timer_;
};

}  // namespace iotc_ha::daemon
