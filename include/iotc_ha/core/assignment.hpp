#pragma once

#include <iotc_ha/core/time.hpp>

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

/// The assignment that is kept on disk: a hint that saves a question to DPS, which remains the authority.
struct Remembered {
  Assignment assignment;
  WallTime named_at{};  ///< when DPS said so; the epoch when that is not known
  std::string why;      ///< DPS's substatus, e.g. "deviceDataMigrated"; "" when it gave none

  friend bool operator==(const Remembered&, const Remembered&) = default;
};

}  // namespace iotc_ha::core
