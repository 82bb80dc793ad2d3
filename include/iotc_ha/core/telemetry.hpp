#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::core {

/// Application properties of a message: key and value, unencoded, in the order in which they are sent.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// One device-to-cloud message as a program hands it in.
struct Submission {
  std::string body;        ///< JSON, UTF-8
  std::string component;   ///< `$.sub`, "" for the root component
  Properties properties;   ///< of the caller, without those that we add
  std::string message_id;  ///< the caller's own `$.mid`; "": it gets one of ours
  WallTime created{};      ///< when it came about: the caller's word, else when it was handed in

  friend bool operator==(const Submission&, const Submission&) = default;
};

/// One device-to-cloud message as it waits for a hub.
struct Telemetry {
  std::uint64_t sequence = 0;  ///< ours, increasing, never used twice in a life of the state directory; property `seq`
  std::uint64_t boot = 0;      ///< the start of the daemon that took it, increasing; property `boot`
  std::string message_id;      ///< `$.mid`: the same however often and to whatever hub it is sent
  std::string body;            ///< JSON, UTF-8
  std::string component;       ///< `$.sub`, "" for the root component
  Properties properties;
  WallTime created{};  ///< sent as `iothub-creation-time-utc`

  friend bool operator==(const Telemetry&, const Telemetry&) = default;
};

/// What a message counts for against every limit in bytes: its texts, and something for what goes with them on disk
/// and in memory.
[[nodiscard]] std::uint64_t size_of(const Submission& message);
[[nodiscard]] std::uint64_t size_of(const Telemetry& message);

}  // namespace iotc_ha::core
