#pragma once

#include "daemon.hpp"
#include "json.hpp"
#include "responder.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::cli {

struct WatchOptions {
  std::vector<std::string> properties;
  std::vector<std::string> commands;
  std::string program;        ///< "": nobody answers
  std::string file;           ///< of the program
  std::int64_t timeout = 25;  ///< seconds that it has
  std::uint64_t count = 0;    ///< lines to print; 0: without end
  bool json = false;
};

/// Prints a line for each thing that the daemon tells, and has a program answer if there is one.
class Watcher {
 public:
  /// `interrupt`: can be read when we are to end.
  Watcher(Daemon& daemon, const WatchOptions& options, int interrupt);

  int run();  ///< returns the exit status

 private:
  [[nodiscard]] bool done() const { return interrupted_ || (options_.count > 0 && lines_ >= options_.count); }
  Result<void> claim();    ///< what is not ours yet
  void claim_when_back();  ///< and again for a while when that fails

  void on(const StateTold& state);
  void on(const FailedOver& failover);
  void on(const MessagesDropped& dropped);
  void on(const DesiredChanged& desired);
  void on(const core::Invocation& command);
  void on(const DaemonLeft& left);
  void on(const DaemonCame& came);
  void on_desired(const Wanted& wanted);
  /// Gives an answer. One that the daemon refuses as bad is replaced by a failure that says so, so that the cloud has
  /// an answer.
  template <typename Asked, typename Answer, typename Send>
  Result<void> give(const Asked& asked, Answer& answer, Send send) const;
  template <typename Call>
  Result<void> while_busy(Call call) const;
  /// What became of an answer, for a line of either kind.
  void tell_answer(const Result<void>& answered, const std::string& what, std::string& text, JsonObject& object) const;
  void print(const std::string& text, const JsonObject& object);

  Daemon& daemon_;
  const WatchOptions options_;
  const int interrupt_;
  std::optional<Responder> responder_;
  std::vector<std::string> components_;  ///< of the properties that we claim
  std::optional<StateTold> last_state_;
  std::optional<Failure> failure_;  ///< that ends us
  bool properties_are_ours_ = false;
  bool commands_are_ours_ = false;
  int claims_left_ = 0;                        ///< that may be refused
  std::optional<Clock::time_point> claim_at_;  ///< again
  std::uint64_t lines_ = 0;
  bool interrupted_ = false;
};

}  // namespace iotc_ha::cli
