#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <optional>

namespace iotc_ha::core {

/// A token bucket for DPS registrations, each of which is billed and counts against a limit that a whole fleet shares:
/// `per_hour` of them at once after a quiet hour, and `per_hour` an hour in the long run. Pure. It lives on disk too,
/// so it is kept by wall time; a clock that has stepped back neither fills nor empties it.
class DpsBudget {
 public:
  /// A full bucket.
  DpsBudget() = default;
  /// What was kept of an earlier life.
  DpsBudget(double spent, WallTime at) : spent_(spent), at_(at) {}

  /// One registration was sent. What was sent without there being one is owed, up to `per_hour` of them, and paid back
  /// first.
  void spend(std::uint32_t per_hour, WallTime now);
  /// When the next registration will be there: `now` if it is.
  [[nodiscard]] WallTime next(std::uint32_t per_hour, WallTime now) const;

  [[nodiscard]] double spent() const { return spent_; }  ///< registrations that are missing from a full bucket at at()
  [[nodiscard]] WallTime at() const { return at_; }

  friend bool operator==(const DpsBudget&, const DpsBudget&) = default;

 private:
  double spent_ = 0;
  WallTime at_{};
};

/// How the device stands with DPS: what a restart must not make it forget.
struct DpsStanding {
  DpsBudget budget;
  std::optional<WallTime> not_before;  ///< DPS wants to be left alone until then

  friend bool operator==(const DpsStanding&, const DpsStanding&) = default;
};

}  // namespace iotc_ha::core
