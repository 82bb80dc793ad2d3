#pragma once

#include <chrono>
#include <cstdint>

namespace iotc_ha::core {

/// Full jitter (Brooker, "Exponential Backoff And Jitter"): uniform in [0, min(max, base * 2^round)]. Of all schemes it
/// spreads a fleet that lost its hub at the same moment the best. `chance` is in [0, 1); rounds count from 0.
[[nodiscard]] std::chrono::milliseconds full_jitter(std::chrono::milliseconds base, std::chrono::milliseconds max,
                                                    std::uint32_t round, double chance);

/// min(max, base * 2^round), without chance: for waits that one device has for itself.
[[nodiscard]] std::chrono::milliseconds doubling(std::chrono::milliseconds base, std::chrono::milliseconds max,
                                                 std::uint32_t round);

}  // namespace iotc_ha::core
