#pragma once

#include <cstdint>
#include <string>

namespace iotc_ha::core {

/// Which attempt an answer belongs to. Each request to a worker gets a new one; answers of older ones are dropped.
enum class AttemptId : std::uint64_t {};

/// What DPS answers: the hub that this device belongs to, and the id that it has there. The device id is
/// case-sensitive and need not equal the registration id.
struct Assignment {
  std::string hub;  ///< host name as DPS wrote it, e.g. "iotc-….azure-devices.net"
  std::string device_id;

  friend bool operator==(const Assignment&, const Assignment&) = default;
};

}  // namespace iotc_ha::core
