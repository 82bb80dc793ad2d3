#pragma once

#include "process.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// One line of the journal about a change of state: "FROM -> TO: WHY".
struct Transition {
  std::string from;
  std::string to;
  std::string why;
};

/// What the daemon says of its telemetry when it stops: of all lives in its state directory.
struct Account {
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t waiting = 0;
};

/// The real iotc-had with a configuration, a state directory and a life or several.
class Daemon {
 public:
  Daemon(std::filesystem::path folder, std::string bus_address);

  [[nodiscard]] const std::filesystem::path& config_file() const { return config_; }
  /// Writes the drop-in `NAME.conf`, read after the configuration; a later name wins.
  void drop_in(const std::string& name, const std::string& toml) const;
  void remove_drop_in(const std::string& name) const;

  [[nodiscard]] const std::filesystem::path& state_dir() const { return state_dir_; }

  void start();   ///< the journal of this life begins empty
  void kill();    ///< SIGKILL; returns when it has ended
  void reload();  ///< SIGHUP, as `systemctl reload` sends it
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] bool running() const { return process_ && process_->running(); }
  void ask_to_stop();  ///< SIGTERM
  [[nodiscard]] std::optional<int> wait_for_end(std::chrono::milliseconds patience) { return process_->wait(patience); }
  /// iotc-had with the same files and these arguments, to its end.
  [[nodiscard]] Outcome run_once(const Command& arguments) const;

  [[nodiscard]] std::string journal() const { return process_ ? process_->err() : ""; }  ///< of this life
  [[nodiscard]] bool journal_says(const std::string& text) const { return journal().find(text) != std::string::npos; }
  [[nodiscard]] std::vector<Transition> transitions() const;
  /// The states that the journal tells, without those that were entered from themselves.
  [[nodiscard]] std::vector<std::string> states() const;
  [[nodiscard]] std::optional<Account> account() const;
  [[nodiscard]] std::uint64_t resident_kib() const;       ///< now
  [[nodiscard]] std::uint64_t peak_resident_kib() const;  ///< at most, in this life

 private:
  [[nodiscard]] Command command() const;

  const std::filesystem::path folder_;
  const std::filesystem::path config_;
  const std::filesystem::path state_dir_;
  const std::string bus_address_;
  unsigned life_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace iotc_ha::integration
