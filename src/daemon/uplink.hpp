#pragma once

#include "repetition.hpp"
#include "settings.hpp"
#include "watch.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/outbox.hpp>
#include <iotc_ha/core/supervisor.hpp>
#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::daemon {

/// Device-to-cloud messages: from whoever hands them in, through the spool, to the hub that a session is open with. A
/// message is on disk before anything else happens to it, and leaves the disk when a hub has acknowledged it. Loop
/// thread.
class Uplink {
 public:
  struct Listener {
    std::function<void(const core::Dropped&)> dropped;
    std::function<void()> figures_changed;
    /// The last message in flight has been acknowledged, and quiet() is true. The session may be ended in this call.
    std::function<void(core::AttemptId)> quiet;
  };
  Uplink(runtime::Loop& loop, runtime::Journal& journal, spool::Store& store, hub::Sessions& sessions,
         const Settings& settings, Watch& watch, Listener listener);

  template <typename T>
  using Answer = std::function<void(core::Result<T>)>;
  /// Checks and accepts messages, all or none. Answered when they are on disk; errors InvalidPayload, PayloadTooLarge
  /// (both name the message if there are several), SpoolFull, StorageFailed, Busy.
  void submit(std::vector<core::Submission> messages, Answer<core::Sequences> answer);
  /// Answered when hubs have acknowledged everything up to `sequence`. Errors InvalidPayload (there is no such message
  /// yet), TimedOut, MessagesDropped, Busy.
  void flush(std::uint64_t sequence, std::chrono::microseconds timeout, Answer<void> answer);

  void settings_changed();
  void session_opened(core::AttemptId attempt, const std::string& hub);
  /// Also when there was none. What is acknowledged later, while the session is drained, still counts.
  void session_ended(core::Outbox::End end);
  void on(const hub::TelemetryAcknowledged& notice);
  /// The hub owes no acknowledgement.
  [[nodiscard]] bool quiet() const { return outbox_.in_flight() == 0; }
  /// Accepts no more, and goes on sending for as long as the session takes it.
  void stop_accepting();

  /// "12 messages accepted, 10 delivered, 0 dropped, 0 quarantined, 2 waiting", over all lives of the spool.
  [[nodiscard]] std::string account() const;

 private:
  struct Session {
    core::AttemptId attempt;
    std::string hub;
  };
  /// A caller of flush() who waits.
  struct Waiting {
    std::uint64_t sequence;
    core::Instant until;
    Answer<void> answer;
  };

  void read_on();
  void send_what_waits();
  void dropped(const core::Dropped& dropped);

  void answer_those_clear(const std::function<bool(std::uint64_t sequence)>& is_clear);
  void ask_the_disk_who_is_clear();
  void answer_those_out_of_time();
  template <typename Which>
  void answer_those(Which which, const core::Result<void>& result);

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  spool::Store& store_;
  hub::Sessions& sessions_;
  const Settings& settings_;
  Watch& watch_;
  const Listener listener_;

  core::Outbox outbox_;
  std::optional<Session> session_;
  std::string last_hub_;  ///< of the session, or of the one that is being drained
  bool reading_ = false;  ///< the spool has been asked for more
  bool stopping_ = false;
  std::vector<Waiting> waiting_;
  std::map<core::Loss, Repetition> drops_;

  std::unique_ptr<runtime::Loop::Timer> waiting_timer_;
};

}  // namespace iotc_ha::daemon
