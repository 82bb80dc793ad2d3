#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

namespace iotc_ha::core {

/// One question to DPS, whatever the transport that it takes.
struct Registration {
  std::string host;
  std::uint16_t port = 443;
  std::string id_scope;
  std::string registration_id;
  std::string model_id;
  Secret token;                         ///< made for this attempt
  std::chrono::milliseconds timeout{};  ///< for all of it: register and every poll
  bool early_poll = false;              ///< may poll sooner than DPS suggests (core/poll_pace.hpp)
  std::string ca_file;                  ///< empty: the system's trust store
  std::string proxy;                    ///< "http://[user:password@]host:port" or empty
};

/// A register request goes out; comes before its answer.
struct RegistrationSent {
  AttemptId attempt;
};
/// DPS answered 429 to a poll.
struct PollThrottled {
  AttemptId attempt;
};
/// The end of an attempt.
struct Registered {
  AttemptId attempt;
  Result<Assignment> assignment;
  std::string substatus;  ///< "" unless DPS gave one
};
using RegistrationNotice = std::variant<RegistrationSent, PollThrottled, Registered>;

}  // namespace iotc_ha::core
