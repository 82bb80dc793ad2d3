#pragma once

#include <iotc_ha/core/registration.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <functional>
#include <memory>

/// The Device Provisioning Service over HTTPS. The only room that includes libcurl, which runs on a worker of its own.
namespace iotc_ha::provisioning {

/// One registration at a time: register_device() cancels the one before. Calls are for the loop thread and return at
/// once.
class Client {
 public:
  /// `on_notice` is called on the loop thread.
  Client(runtime::Post post, std::function<void(core::RegistrationNotice)> on_notice);
  ~Client();  ///< cancels and joins; returns within a second whatever the network does
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// A question is likely within seconds: opens the connection to DPS and says nothing on it. It is used by the next
  /// register_device(), or closed after `k_prepared_max`. Does nothing while a question is under way.
  void prepare(const core::Registration& whom);
  /// PUT register, then GET the operation at the pace of core::PollPace, until it has decided or `timeout` is over. A
  /// throttled (429) or unavailable (5xx) poll is repeated within the limit; a poll that answers 404, 409 or 412 ends
  /// the attempt with DpsConflict, as it needs another register. The connection is kept for the next attempt. Exactly
  /// one Registered, unless cancelled.
  void register_device(core::AttemptId attempt, core::Registration registration);
  /// No notice follows for this attempt.
  void cancel(core::AttemptId attempt);

  static constexpr std::chrono::seconds k_prepared_max{3};

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace iotc_ha::provisioning
