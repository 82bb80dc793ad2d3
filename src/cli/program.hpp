#pragma once

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::cli {

/// How a program that we ran has ended.
struct Ended {
  enum class How : std::uint8_t {
    Exited,       ///< with `status`
    Killed,       ///< by the signal `status`, which was not ours
    Late,         ///< it was not done in time, and was killed
    TooMuch,      ///< it wrote more than k_output_max, and was killed
    NotStarted,   ///< for the reason of the errno `status`
    NotWatched,   ///< pidfd_open(2) failed with the errno `status`: it was killed at once, nobody would see its end
    Lost,         ///< it has ended, and the errno `status` kept us from seeing how
    Interrupted,  ///< we are to end, and it was killed
  };
  How how;
  int status = 0;
  std::string output;  ///< what it had written to its standard output when it ended
};

constexpr std::size_t k_output_max = std::size_t{128} * 1024;  ///< what Commands1 takes as an answer

/// The file that `name` stands for, as execvp(3) finds it; else why there is none.
[[nodiscard]] tl::expected<std::string, std::string> find_program(const std::string& name);

/// Runs a file, without a shell, with `environment` ("NAME=VALUE") beside our own (without names that begin with
/// IOTC_HA_) and `input` as its standard input. Waits until it ends, not for processes that it has left behind; a
/// program that is killed is killed with those. Needs the usual action for SIGCHLD.
[[nodiscard]] Ended run_program(const std::string& file, const std::vector<std::string>& environment,
                                const std::string& input, std::chrono::milliseconds timeout, int interrupt);

}  // namespace iotc_ha::cli
