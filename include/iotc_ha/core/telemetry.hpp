#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::core {

/// Application properties of a message: key and value, unencoded, in the order in which they are sent.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// One device-to-cloud message.
struct Telemetry {
  std::uint64_t sequence = 0;  ///< ours, increasing by one, never used twice in a life of the state directory
  std::string message_id;      ///< `$.mid`: the same however often and to whatever hub it is sent
  std::string body;            ///< JSON, UTF-8
  std::string component;       ///< `$.sub`, "" for the root component
  Properties properties;
  WallTime created{};  ///< sent as `iothub-creation-time-utc`

  friend bool operator==(const Telemetry&, const Telemetry&) = default;
};

}  // namespace iotc_ha::core
