#include <iotc_ha/core/dps_budget.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace iotc_ha::core {
namespace {

constexpr double k_hour = 3600e6;  // in microseconds

double size_of(std::uint32_t per_hour) { return std::max(1.0, static_cast<double>(per_hour)); }

/// What is missing from a full bucket. What was kept on a disk is not trusted: whatever it says, an hour and the debt
/// of one hour more are the longest that it can keep us from DPS.
double missing(double spent, WallTime at, std::uint32_t per_hour, WallTime now) {
  const double size = size_of(per_hour);
  const double then = std::isfinite(spent) ? std::clamp(spent, 0.0, 2 * size) : size;
  // As doubles: two moments that no real clock shows may be further apart than a duration can be long.
  const double passed =
      static_cast<double>(now.time_since_epoch().count()) - static_cast<double>(at.time_since_epoch().count());
  return std::max(0.0, then - std::max(0.0, passed) / k_hour * size);
}

/// Less than this is the rounding of doubles and microseconds, not a registration that is missing.
constexpr double k_rounding = 1e-6;

}  // namespace

void DpsBudget::spend(std::uint32_t per_hour, WallTime now) {
  spent_ = std::min(missing(spent_, at_, per_hour, now) + 1, 2 * size_of(per_hour));
  at_ = now;
}

WallTime DpsBudget::next(std::uint32_t per_hour, WallTime now) const {
  const double size = size_of(per_hour);
  const double lacking = missing(spent_, at_, per_hour, now) + 1 - size;
  if (lacking <= k_rounding) return now;
  return now + std::chrono::microseconds{static_cast<std::int64_t>(std::ceil(lacking / size * k_hour))};
}

}  // namespace iotc_ha::core
