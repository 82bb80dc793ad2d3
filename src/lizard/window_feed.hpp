#pragma once

#include "lizard.hpp"

#include <cstdint>
#include <string>

namespace iotc_ha::lizard {

/// What one open window is told, as server-sent events: first `snapshot` (everything as it is, and the last ten
/// minutes), then `state` when hubs, DPS or devices have changed, and `news` with what has happened since.
class WindowFeed {
 public:
  explicit WindowFeed(Lizard& lizard) : lizard_(lizard) {}
  /// The events that are due; "" when there is no news. A window that cannot keep up misses the older of them.
  [[nodiscard]] std::string next();

 private:
  Lizard& lizard_;
  bool greeted_ = false;
  std::string state_;  ///< as it was told last
  std::uint64_t occurrence_ = 0;
  std::uint64_t message_ = 0;
};

}  // namespace iotc_ha::lizard
