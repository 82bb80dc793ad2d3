#pragma once

#include <iotc_ha/core/registration.hpp>
#include <iotc_ha/courier/program.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <functional>
#include <memory>

/// DPS over HTTPS, asked by a process of its own that lives only while it is needed: libcurl and the 25 libraries that
/// come with it were a third of the daemon's memory, for a question that most devices do not ask in weeks.
namespace iotc_ha::courier {

/// The promises of provisioning::Client, which does the work in that process: one registration at a time, and
/// register_device() cancels the one before. For the loop thread; every call returns at once, and `on_notice` comes
/// from the loop.
class Client {
 public:
  /// The process is let go when it has had nothing to do for `linger`; until then its connection to DPS stays open.
  Client(runtime::Loop& loop, Program program, std::function<void(core::RegistrationNotice)> on_notice,
         std::chrono::milliseconds linger = k_linger);
  ~Client();  ///< ends the process
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// A question is likely within seconds: starts the process, which opens the connection to DPS.
  void prepare(const core::Registration& whom);
  /// As in provisioning::Client. Beside what can go wrong there: Busy when the process cannot be started or ends before
  /// its answer, TimedOut when it has not answered `k_overdue` after the registration's own limit.
  void register_device(core::AttemptId attempt, core::Registration registration);
  /// No notice follows for this attempt.
  void cancel(core::AttemptId attempt);

  /// Longer than the pauses of an episode mostly are, shorter than DPS keeps a connection.
  static constexpr std::chrono::seconds k_linger{60};
  static constexpr std::chrono::seconds k_overdue{2};

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::courier
