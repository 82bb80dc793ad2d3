#pragma once

#include <iotc_ha/core/time.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

/// The services that a fleet shares, as far as their limits go.
namespace iotc_ha::bench {

using core::Instant;

/// How DPS applies its limit of registrations a minute. Microsoft tells the number and not the way.
enum class Counting : std::uint8_t {
  Bucket,  ///< a minute's worth at once, then evenly; a refused request costs nothing
  Minute,  ///< the first of each minute of the clock are taken
  Strict,  ///< taken only when no more came within the last minute, refused ones included: who asks too often gets
           ///< nothing
};

/// So many in a minute.
class RegistrationLimit {
 public:
  RegistrationLimit(Counting counting, std::uint32_t per_minute)
      : counting_(counting), per_minute_(per_minute), tokens_(per_minute) {}
  /// Whether a request is taken. `now` never goes back.
  [[nodiscard]] bool take(Instant now);

 private:
  [[nodiscard]] bool take_token(Instant now);
  [[nodiscard]] bool take_of_this_minute(Instant now);
  [[nodiscard]] bool take_strictly(Instant now);

  Counting counting_;
  std::uint32_t per_minute_;
  double tokens_;
  Instant filled_at_{};
  std::int64_t minute_ = -1;
  std::uint32_t taken_ = 0;
  std::array<std::uint32_t, 60> asked_{};  ///< Strict: requests of each second of the last minute
  std::uint64_t asked_sum_ = 0;
  std::int64_t second_ = 0;
};

/// A token bucket that holds what is filled in within a second.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(std::uint32_t per_second) : per_second_(per_second), tokens_(per_second) {}
  [[nodiscard]] bool take(Instant now);

 private:
  double per_second_;
  double tokens_;
  Instant filled_at_{};
};

}  // namespace iotc_ha::bench
