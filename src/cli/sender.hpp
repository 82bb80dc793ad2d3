#pragma once

#include "daemon.hpp"
#include "lines.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::cli {

/// Hands messages to the daemon, tells the number of each on standard output and of each that is refused on standard
/// error, and keeps the exit status.
class Sender {
 public:
  /// `form`: what all messages have beside their bodies. `json`: numbers are told as JSON objects.
  Sender(Daemon& daemon, core::Submission form, bool json) : daemon_(daemon), form_(std::move(form)), json_(json) {}

  /// Sends messages in their order. A refused one is told of, and the others are sent all the same. False when there is
  /// no point in going on; that is told too, with the first line that was not sent.
  bool send(const std::vector<Line>& lines);
  /// Waits until a hub has everything that was sent.
  void wait_for_hub(std::chrono::seconds limit);

  [[nodiscard]] int status() const { return status_; }

  static constexpr std::size_t k_batch = 100;               ///< messages that share one commit
  static constexpr std::chrono::seconds k_patience{60};     ///< with a daemon that is busy
  static constexpr std::chrono::milliseconds k_pause{200};  ///< before it is asked again

 private:
  bool send_together(const std::vector<Line>& lines);
  [[nodiscard]] Result<core::Sequences> submit(const std::vector<std::string>& bodies);
  void tell(const Line& line, std::uint64_t sequence) const;
  void refuse(const Line& line, const Failure& failure);
  void give_up(const std::vector<Line>& lines, const Failure& failure);

  Daemon& daemon_;
  const core::Submission form_;
  const bool json_;
  std::uint64_t last_ = 0;  ///< number of the last message that was accepted
  int status_ = 0;
};

}  // namespace iotc_ha::cli
