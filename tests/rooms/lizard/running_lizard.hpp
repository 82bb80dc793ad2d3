#pragma once

#include <ground/network.hpp>
#include <nlohmann/json.hpp>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace iotc_ha::lizard::test {

using nlohmann::json;

/// Nothing here takes that long on a healthy machine.
inline constexpr std::chrono::seconds k_patience{20};

/// Waits until it is true; false when it has not become so in time.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = k_patience);

struct Finished {
  int status = 0;
  std::string out;
  std::string err;
};
/// Runs iotc-ha-lizard to its end.
[[nodiscard]] Finished run_lizard(const std::vector<std::string>& arguments);

/// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// `iotc-ha-lizard run` in a directory and a loopback network of its own.
class RunningLizard {
 public:
  explicit RunningLizard(std::vector<std::string> options = {});
  ~RunningLizard();
  RunningLizard(const RunningLizard&) = delete;
  RunningLizard& operator=(const RunningLizard&) = delete;

  /// The answer of a command, one that is one line; fails the test when the command fails.
  json ask(std::vector<std::string> arguments) const;
  /// The same for a command that is to fail: its error.
  std::string error_of(std::vector<std::string> arguments) const;
  /// The answer of `telemetry` or `events`.
  std::vector<json> lines_of(std::vector<std::string> arguments) const;

  [[nodiscard]] json hub(const std::string& name) const;
  [[nodiscard]] json device(const std::string& id) const;
  [[nodiscard]] std::string hub_address(const std::string& name) const { return hub(name)["address"]; }
  [[nodiscard]] bool happened(const std::string& event, const std::string& device = "") const;

  /// Known from the start.
  [[nodiscard]] const json& facts() const { return facts_; }
  [[nodiscard]] const std::string& network() const { return network_.address(); }
  [[nodiscard]] const std::string& state_dir() const { return state_.path(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Sends a signal and waits for the end of the program. Returns how long that took.
  std::chrono::milliseconds stop(int signal);

 private:
  TemporaryDirectory state_;
  ground::Network network_;
  pid_t pid_ = 0;
  json facts_;
};

}  // namespace iotc_ha::lizard::test
