#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace iotc_ha::runtime {

/// A thread that runs one blocking library: jobs in the order in which they were given, from a bounded queue.
class Worker {
 public:
  using Job = std::function<void()>;

  /// `name` (at most 15 characters) is the thread's, as `ps -L` shows it.
  Worker(std::string name, std::size_t jobs_max);
  /// Drops what has not begun and waits for the job that runs. A caller that may not wait calls abandon() first.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// False when `jobs_max` jobs wait already or the worker has ended: the job was not taken. Any thread.
  [[nodiscard]] bool post(Job job);
  /// For how long the present job has been running; nothing when idle. Any thread. For the watchdog.
  [[nodiscard]] std::optional<std::chrono::microseconds> busy_for() const;
  /// Lets go of a thread that may never come back: it is detached, and the destructor does not wait.
  void abandon();

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // shared with the thread, which outlives us when abandoned
};

}  // namespace iotc_ha::runtime
