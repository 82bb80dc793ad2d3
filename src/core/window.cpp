#include <iotc_ha/core/window.hpp>

#include <algorithm>

namespace iotc_ha::core {

void Window::halve() { size_ = std::max(size_ / 2, static_cast<double>(k_smallest)); }

void Window::acknowledged(Instant sent_at, Instant now, bool was_full) {
  const auto round_trip = now - sent_at;
  shortest_ = std::min(round_trip, shortest_.value_or(round_trip));
  if (round_trip <= 2 * *shortest_ + k_slack) {
    if (was_full) size_ = std::min(size_ + 1 / size_, static_cast<double>(k_largest));
    return;
  }
  if (halved_at_ && sent_at < *halved_at_) return;
  halve();
  halved_at_ = now;
}

void Window::session_lost() { halve(); }

void Window::session_ended() {
  shortest_.reset();
  halved_at_.reset();
}

}  // namespace iotc_ha::core
