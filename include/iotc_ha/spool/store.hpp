#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

/// What must outlive the process, in `{state-dir}/iotc-ha.db`. The only room that includes SQLite.
namespace iotc_ha::spool {

/// Which DPS and enrolment an assignment came from: one of another application is of no use.
struct AssignmentKey {
  std::string dps_host;
  std::string id_scope;
  std::string registration_id;
};

class Store {
 public:
  /// Opens or makes the database, on the caller's thread (at start, before the loop runs). A file that is not a
  /// database of ours is moved to `{state-dir}/quarantine/` and a new one begun: a damaged file never stops the start.
  /// `note` is told in one line when that happens. Error StorageFailed when the directory cannot be written.
  static core::Result<std::unique_ptr<Store>> open(const std::filesystem::path& state_dir, runtime::Post post,
                                                   const std::function<void(const core::Error&)>& note);
  virtual ~Store() = default;

  /// The hub of this enrolment's last session. Blocking; at start and on reload only.
  [[nodiscard]] virtual core::Result<std::optional<core::Assignment>> remembered(const AssignmentKey& key) = 0;
  /// Keeps it durably, on the worker. `done` is called on the loop thread, unless the Store ends before the job begins.
  virtual void remember(AssignmentKey key, core::Assignment assignment,
                        std::function<void(core::Result<void>)> done) = 0;

  /// For how long the worker has been waiting for the disk; nothing when it is idle. For the watchdog.
  [[nodiscard]] virtual std::optional<std::chrono::microseconds> stuck_for() const = 0;
  /// Lets go of a worker that does not come back, so that the process can end.
  virtual void abandon() = 0;
};

}  // namespace iotc_ha::spool
