#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Children of a test. Every one of them ends with the test, however that ends.
namespace iotc_ha::integration {

using Command = std::vector<std::string>;  ///< the program, found in PATH, and its arguments

/// A child that goes on while the test runs. What it writes goes to two files.
class Process {
 public:
  /// Starts it in a process group of its own, with `output_prefix`.out and .err. Throws std::runtime_error.
  Process(Command command, const std::filesystem::path& output_prefix);
  ~Process();  ///< kills the whole group
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  void signal(int number) const;
  [[nodiscard]] bool running() { return !wait(std::chrono::milliseconds{0}); }
  /// The exit status, 128 + N when signal N ended it; nothing when it still runs after `patience`.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds patience);

 private:
  const std::filesystem::path out_;
  const std::filesystem::path err_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct Outcome {
  int status = 0;  ///< as Process::wait()
  std::string out;
  std::string err;
};
/// Runs a command to its end. Throws std::runtime_error when it cannot be started or takes longer than `patience`.
[[nodiscard]] Outcome run(const Command& command, std::chrono::milliseconds patience = std::chrono::seconds{40});
/// The same for a command that must succeed: answers what it wrote, throws std::runtime_error when its status is not 0.
std::string run_well(const Command& command);

[[nodiscard]] std::string read_file(const std::filesystem::path& file);  ///< "" when it is not there
void write_file(const std::filesystem::path& file, const std::string& text, mode_t mode = 0600);

}  // namespace iotc_ha::integration
