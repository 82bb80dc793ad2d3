#pragma once

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/command.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What must outlive the process, in `{state-dir}/iotc-ha.db`. The only room that includes SQLite.
namespace iotc_ha::spool {

/// Which DPS and enrolment an assignment came from: one of another application is of no use.
struct AssignmentKey {
  std::string dps_host;
  std::string id_scope;
  std::string registration_id;
};

/// `[spool]` of the configuration.
struct Limits {
  std::uint64_t bytes_max = 256ULL << 20U;  ///< of all messages on disk, queued or kept for a replay (core::size_of)
  std::chrono::seconds age_max{std::chrono::hours{24 * 30}};
  bool drop_oldest = true;                ///< when full: the oldest goes; else the new one is not taken
  std::chrono::seconds replay_window{0};  ///< for how long what a hub has acknowledged is kept; zero: not at all
};

/// A `done` for what nobody waits for: the Store tells by itself (Listener::trouble) when the disk refuses.
inline constexpr auto k_store_tells = [](const core::Result<void>& /*of it*/) {};

/// The database and its one worker. Every call is for the loop thread, and every callback comes there, never from
/// inside a call. What the loop asks for while the worker is busy is done in one transaction when it is free again:
/// many callers share one fsync. A `done` is called once, unless the Store ends first.
///
/// A message is handed out by next(), and leaves by acknowledge() or quarantine(), or is dropped (when too old, or for
/// a newer one, but never while it is handed out). What was handed out and has not left is handed out again after
/// release(), in the same order, under the same ids, also in the next life.
class Store {
 public:
  /// What the Store tells by itself.
  struct Listener {
    std::function<void(const core::Dropped&)> dropped;  ///< also for quarantine()
    std::function<void()> figures_changed;
    std::function<void(const core::Error&)> trouble;  ///< one line for the journal: a damaged file, a disk that refuses
  };

  /// Opens or makes the database, on the caller's thread (at start, before the loop runs). A file that is not a
  /// database of ours, or that is damaged, is moved to `{state-dir}/quarantine/` and a new one begun with what could be
  /// read of the old: a damaged file never stops the start. `note` is told in one line when that happens. Error
  /// StorageFailed when the directory cannot be written. It takes well under a second however much is queued.
  static core::Result<std::unique_ptr<Store>> open(const std::filesystem::path& state_dir, const Limits& limits,
                                                   runtime::Loop& loop,
                                                   const std::function<void(const core::Error&)>& note);
  virtual ~Store() = default;

  virtual void listen(Listener listener) = 0;  ///< what happened before is told then
  virtual void set_limits(const Limits& limits) = 0;

  // ---- The remembered hub
  /// The hub of this enrolment's last session. Blocking; at start and on reload only.
  [[nodiscard]] virtual core::Result<std::optional<core::Remembered>> remembered(const AssignmentKey& key) = 0;
  /// Keeps it durably.
  virtual void remember(AssignmentKey key, core::Remembered remembered,
                        std::function<void(core::Result<void>)> done) = 0;

  // ---- The queue
  /// Accepts messages, all or none: when `done` tells their numbers, they are on disk. Errors SpoolFull, StorageFailed,
  /// and Busy when more than `k_waiting_bytes_max` wait for the disk already.
  virtual void append(std::vector<core::Submission> messages,
                      std::function<void(core::Result<core::Sequences>)> done) = 0;
  /// Hands out queued messages that come after number `after` (0: from the oldest on), in order, at least one and at
  /// most `count`, and no more than `bytes` of them except for one. Waits until there are any. One question at a time:
  /// a new one takes the place of the one before, whose `done` is never called.
  virtual void next(std::uint64_t after, std::size_t count, std::uint64_t bytes,
                    std::function<void(std::vector<core::Telemetry>)> done) = 0;
  /// The session is over: nothing is handed out any more, and nobody waits for next().
  virtual void release() = 0;
  /// A hub has it. Deleted, or kept for the replay, with the next transaction that has to be, or with many others; at
  /// the latest `k_acknowledged_wait` later. Until then a power cut makes it come again, under the same id. Of a number
  /// that is not queued: does nothing.
  virtual void acknowledge(std::uint64_t sequence, const std::string& hub) = 0;
  /// Puts it aside: it is kept on disk, and never handed out again.
  virtual void quarantine(std::uint64_t sequence, const std::string& why) = 0;
  /// A session with `hub` is open: what another hub acknowledged within the replay window is queued again. Before
  /// next().
  virtual void replay(const std::string& hub) = 0;
  // ---- Documents
  /// Small texts under a name, each replaced as a whole: what the twin needs to outlive the process. Blocking; at start
  /// only.
  [[nodiscard]] virtual core::Result<std::map<std::string, std::string>> documents() = 0;
  /// Keeps it durably in place of what was there; an empty text takes it away. Of several for the same name that wait
  /// for the disk only the last is written, and all are answered. Errors StorageFailed, PayloadTooLarge (above
  /// `k_document_bytes_max`).
  virtual void keep(std::string name, std::string text, std::function<void(core::Result<void>)> done) = 0;

  // ---- C2D
  /// Those that no program has completed, oldest first. Blocking; at start only.
  [[nodiscard]] virtual core::Result<std::vector<core::DurableCommand>> commands() = 0;
  /// Takes a C2D message (its `id` is not looked at). `done` is told its number when it is on disk, or nothing when one
  /// with this message id has been taken in the last `k_message_ids_age`, completed or not. Errors StorageFailed, and
  /// SpoolFull when `k_commands_max` wait, or with it more than `k_commands_bytes_max` would. What was asked to be
  /// completed before has made room.
  virtual void take(core::DurableCommand command,
                    std::function<void(core::Result<std::optional<std::uint64_t>>)> done) = 0;
  /// It is done with: it is never told again, and its message id stays known. Of one that is not there: does nothing.
  virtual void complete(std::uint64_t id, std::function<void(core::Result<void>)> done) = 0;

  /// Calls `done` when everything that was told before is on disk, or cannot be written (which `trouble` was told).
  virtual void settle(std::function<void()> done) = 0;

  // ---- The account
  /// Includes what is told but not yet on disk.
  [[nodiscard]] virtual core::SpoolFigures figures() const = 0;
  /// True when no message up to this number is queued on disk: each was acknowledged, or Listener::dropped was told. To
  /// count in what was told a moment ago, settle() first.
  [[nodiscard]] virtual bool empty_up_to(std::uint64_t sequence) const = 0;
  [[nodiscard]] virtual std::uint64_t last_sequence() const = 0;  ///< of the last message accepted; 0 before the first
  /// Oldest life first; the last is the present one. Counts the rows that are there.
  virtual void accounts(std::function<void(core::Result<std::vector<core::Account>>)> done) = 0;

  /// For how long the worker has been waiting for the disk; nothing when it is idle. For the watchdog.
  [[nodiscard]] virtual std::optional<std::chrono::microseconds> stuck_for() const = 0;
  /// Lets go of a worker that does not come back, so that the process can end.
  virtual void abandon() = 0;

  static constexpr std::uint64_t k_waiting_bytes_max = 32ULL << 20U;
  static constexpr std::chrono::seconds k_acknowledged_wait{5};
  static constexpr std::size_t k_document_bytes_max = std::size_t{1} << 20U;
  static constexpr std::size_t k_commands_max = 1'000;
  static constexpr std::uint64_t k_commands_bytes_max = 8ULL << 20U;  ///< of their payloads, names and message ids
  /// A hub keeps a C2D message for two days at most; one that another hub was given once more may come as late again.
  static constexpr std::chrono::hours k_message_ids_age{24 * 4};
  static constexpr std::size_t k_message_ids_max = 10'000;  ///< then the oldest is forgotten
};

}  // namespace iotc_ha::spool
