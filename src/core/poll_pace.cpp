#include <iotc_ha/core/poll_pace.hpp>

#include <algorithm>
#include <array>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

/// Counted from the answer to the register.
constexpr std::array k_early{300ms, 1'000ms, 2'500ms};
/// What a device that polls evenly may do, by DPS's limit.
constexpr std::chrono::seconds k_shortest_pause{2};
/// DPS counts what arrives, and the network may bring it closer together than it was sent.
constexpr std::chrono::milliseconds k_jitter{500};

}  // namespace

void PollPace::registered(Instant now, bool early) {
  registered_at_ = now;
  early_ = early;
  early_made_ = 0;
}

Instant PollPace::next(Instant now, std::chrono::milliseconds suggested) const {
  Instant when = now + std::max<std::chrono::milliseconds>(suggested, k_shortest_pause);
  // Over a slow link an answer comes after the next early moment: that poll is then due at once. After the last of
  // these moments DPS has not decided as quickly as it mostly does, and is taken at its word.
  if (early_ && early_made_ < k_early.size() && now <= registered_at_ + k_early.back()) {
    when = std::min(when, std::max(now, registered_at_ + k_early.at(early_made_)));
  }
  if (polls_.size() == k_polls_max) when = std::max(when, polls_.front() + k_polls_span + k_jitter);
  return when;
}

void PollPace::polled(Instant now) {
  ++early_made_;
  polls_.push_back(now);
  if (polls_.size() > k_polls_max) polls_.pop_front();
}

}  // namespace iotc_ha::core
