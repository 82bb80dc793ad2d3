#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <string>

/// The places where sdbus-c++ 1 (Debian 12) and 2 (Debian 13) differ for us.
namespace iotc_ha::bus {

#if IOTC_HA_SDBUS_MAJOR >= 2
using PropertyName = sdbus::PropertyName;
using BusName = sdbus::ServiceName;
using ErrorName = sdbus::Error::Name;

inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingEvent(); }
inline std::chrono::microseconds time_left(const sdbus::IConnection::PollData& poll) {
  const auto left = poll.getRelativeTimeout();
  return left == std::chrono::microseconds::max() ? std::chrono::microseconds{-1} : left;
}
#else
using PropertyName = std::string;
using BusName = std::string;
using ErrorName = std::string;

/// Handles one message that waits; false when there is none.
inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingRequest(); }
/// Until handle_one() must be called though nothing came; negative: never.
inline std::chrono::microseconds time_left(const sdbus::IConnection::PollData& poll) {
  return poll.getRelativeTimeout().value_or(std::chrono::microseconds{-1});
}
#endif

}  // namespace iotc_ha::bus
