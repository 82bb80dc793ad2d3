#include <iotc_ha/core/backoff.hpp>

#include <algorithm>
#include <cmath>

namespace iotc_ha::core {

std::chrono::milliseconds doubling(std::chrono::milliseconds base, std::chrono::milliseconds max, std::uint32_t round) {
  // A shift past the width of the type is undefined; a double has room for any round.
  const double wanted = std::ldexp(static_cast<double>(base.count()), static_cast<int>(std::min(round, 64U)));
  return wanted < static_cast<double>(max.count()) ? std::chrono::milliseconds{static_cast<std::int64_t>(wanted)} : max;
}

std::chrono::milliseconds full_jitter(std::chrono::milliseconds base, std::chrono::milliseconds max,
                                      std::uint32_t round, double chance) {
  const auto ceiling = static_cast<double>(doubling(base, max, round).count());
  return std::chrono::milliseconds{static_cast<std::int64_t>(ceiling * chance)};
}

}  // namespace iotc_ha::core
