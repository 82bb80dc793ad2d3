#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstdint>

namespace iotc_ha::bus {

/// D-Bus `t`. A clock before 1970 or a negative duration is none at all.
[[nodiscard]] inline std::uint64_t microseconds(std::chrono::microseconds time) {
  return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}
[[nodiscard]] inline std::uint64_t microseconds(core::WallTime time) { return microseconds(time.time_since_epoch()); }

}  // namespace iotc_ha::bus
