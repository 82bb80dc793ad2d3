#pragma once

#include <poll.h>

#include <chrono>

namespace iotc_ha::integration {

/// How long a test waits for something that must happen. Generous: it is a deadline on a busy machine, not a promise.
constexpr std::chrono::milliseconds k_patience{30'000};

/// Waits until `condition()` is true, asking every few milliseconds; false when `patience` is over.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds patience = k_patience) {
  constexpr int k_pause_ms = 20;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, k_pause_ms);
  }
  return true;
}

}  // namespace iotc_ha::integration
