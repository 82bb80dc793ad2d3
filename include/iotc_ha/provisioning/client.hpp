#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

/// The Device Provisioning Service over HTTPS. The only room that includes libcurl, which runs on a worker of its own.
namespace iotc_ha::provisioning {

struct Registration {
  std::string host;
  std::uint16_t port = 443;
  std::string id_scope;
  std::string registration_id;
  std::string model_id;
  core::Secret token;                   ///< the Authorization header's value, made for this attempt
  std::chrono::milliseconds timeout{};  ///< for all of it: register and every poll
  std::filesystem::path ca_file;        ///< empty: the system's trust store
  std::string proxy;                    ///< "http://host:port" or empty; the environment's proxies are never used
};

/// The end of an attempt, on the loop thread.
struct Answer {
  core::AttemptId attempt;
  core::Result<core::Assignment> assignment;
  std::string substatus;  ///< "" unless DPS gave one
};

/// One registration at a time: register_device() cancels the one before. Calls are for the loop thread and return at
/// once.
class Client {
 public:
  Client(runtime::Post post, std::function<void(Answer)> on_answer);
  ~Client();  ///< cancels and joins; returns within a second whatever the network does
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// PUT register, then GET the operation at the pace that DPS asks for, until it has decided or `timeout` is over. A
  /// throttled (429) or unavailable (5xx) poll is repeated within the limit; a poll that answers 404, 409 or 412 starts
  /// again with register, once. The connection is kept for the next attempt. Exactly one Answer, unless cancelled.
  void register_device(core::AttemptId attempt, Registration registration);
  /// No Answer follows for this attempt.
  void cancel(core::AttemptId attempt);

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace iotc_ha::provisioning
