#pragma once

#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace iotc_ha::spool_test {

/// A directory of its own for each test.
class StateDirectory {
 public:
  StateDirectory();
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path file() const { return path_ / "iotc-ha.db"; }
  [[nodiscard]] std::vector<std::filesystem::path> quarantined(const std::string& extension = ".db") const;
  /// What another program, or a person with the sqlite3 shell, does to the file. Nobody else may have it open.
  void run_sql(const std::string& sql) const;
  [[nodiscard]] std::int64_t query(const std::string& sql) const;

 private:
  std::filesystem::path path_;
};

/// One life of the daemon as the spool sees it: an open store and a loop, which runs in a thread of its own, so that a
/// test can call and wait. Whatever is waited for has a minute.
class Life {
 public:
  /// Throws when the store cannot be opened.
  explicit Life(const std::filesystem::path& state_dir, const spool::Limits& limits = {});
  ~Life();  ///< without settle(): what was told a moment ago may be on the disk or not
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// Does this on the loop, as one task of it, and waits until it is done.
  void on_loop(const std::function<void(spool::Store&)>& task);
  /// Waits until this is true, which is asked on the loop. False when the time is over.
  [[nodiscard]] bool wait_until(const std::function<bool(spool::Store&)>& condition);

  core::Result<core::Sequences> append(std::vector<core::Submission> messages);
  core::Result<core::Sequences> append(const std::string& body);
  /// `count` messages with bodies of `size` bytes, `batch` at a time; each must be accepted.
  void fill(std::uint64_t count, std::size_t size, std::uint64_t batch = 500);
  std::vector<core::Telemetry> next(std::uint64_t after, std::size_t count = 1000, std::uint64_t bytes = 1U << 30U);
  /// All that is queued, in pieces.
  std::vector<core::Telemetry> all();
  void acknowledge(std::uint64_t first, std::uint64_t last, const std::string& hub = "hub-a");
  void quarantine(std::uint64_t sequence, const std::string& why);
  void release();
  void replay(const std::string& hub);
  void settle();
  core::Result<void> keep(const std::string& name, const std::string& text);
  std::map<std::string, std::string> documents();
  /// Nothing when it is known already.
  core::Result<std::optional<std::uint64_t>> take(const core::DurableCommand& command);
  core::Result<void> complete(std::uint64_t id);
  std::vector<core::DurableCommand> commands();
  std::vector<core::Account> accounts();
  core::Account account() { return accounts().back(); }  ///< that of the present life
  core::SpoolFigures figures();
  void expect_adds_up();

  std::vector<std::string> notes() const { return notes_; }  ///< of opening
  std::vector<core::Dropped> dropped();
  std::vector<std::string> troubles();

 private:
  /// Calls `ask` on the loop with where the answer goes, and waits for it.
  template <typename Answer, typename Ask>
  Answer answer_to(const Ask& ask);
  void live(const std::filesystem::path& state_dir, const spool::Limits& limits, std::promise<void> ready);

  std::vector<std::string> notes_;
  std::vector<core::Dropped> dropped_;
  std::vector<std::string> troubles_;
  runtime::Loop* loop_ = nullptr;  // of the thread, while it lives
  spool::Store* store_ = nullptr;
  std::thread thread_;
};

[[nodiscard]] core::Submission message(std::string body);
/// A C2D message.
[[nodiscard]] core::DurableCommand command(std::string message_id, std::string payload = "{}");
[[nodiscard]] std::vector<std::uint64_t> numbers_of(const std::vector<core::Telemetry>& messages);
[[nodiscard]] std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last);

}  // namespace iotc_ha::spool_test
