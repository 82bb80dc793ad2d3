#include <iotc_ha/core/link_watch.hpp>

#include <algorithm>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;
using Duration = Instant::duration;

/// RFC 6298: an eighth of each new round trip goes into the smoothed one, a quarter of the difference into the
/// variation, and what takes longer than the one and four times the other is late.
constexpr int k_round_trip_part = 8;
constexpr int k_variation_part = 4;
constexpr int k_late_variations = 4;

/// A packet that is lost four times in a row comes after 1 + 1.5 + 3 + 6 + 12 round trips where TCP's timer stands at
/// one and a half of them and doubles. That happens once in 10,000 packets where one in ten is lost, so a hub is not
/// dead before. On a link of 100 ms it is no more than 3.2 s with the first answer, which counts half as variation.
constexpr int k_dead_round_trips = 24;
constexpr int k_dead_variations = 16;
/// Whatever was learned: longer than this a hub may not owe an answer, be it dead or only slow.
constexpr Duration k_dead_max = 60s;

/// Before the first answer of a session the connect stands for a round trip; it is three or four of them (TCP, TLS,
/// CONNECT), so that a hub has more time to begin with than later. This where not even that is known.
constexpr Duration k_unknown_dead_after = 10s;

/// The slowest uplink that a message gets time for.
constexpr std::size_t k_small_bytes = 4'096;
constexpr std::size_t k_bytes_per_ms = 8;

/// Probes are this far apart at most. With a hub that lets telemetry wait they are what would tell that it has died.
constexpr Duration k_probe_max = 16s;
constexpr unsigned k_doublings_max = 10;
/// From Suspect to Dead, at least.
constexpr Duration k_grace = 1s;
/// A session that has gone well for so long shows that our patience was enough.
constexpr Duration k_good_after = 60s;

Duration time_for(std::size_t bytes) {
  return bytes <= k_small_bytes ? Duration::zero() : std::chrono::milliseconds{bytes / k_bytes_per_ms};
}

}  // namespace

void LinkWatch::session_opened(Instant now, std::optional<std::chrono::microseconds> connect) {
  owed_.clear();
  telemetry_overtaken_ = 0;
  round_trip_.reset();
  variation_ = {};
  connect_ = connect.value_or(Duration::zero());
  opened_at_ = now;
  answered_at_ = now;
  suspected_at_.reset();
  relieved_ = false;
  probed_at_ = now;
  probes_ = 0;
}

void LinkWatch::session_ended(bool silent) {
  patience_ = silent ? std::min(2 * patience_, k_patience_max) : 1;
  session_opened(answered_at_);
}

// ---- Questions and answers

void LinkWatch::asked(Question question, std::uint64_t id, std::size_t bytes, Instant now) {
  if (owed_.size() < k_owed_max) owed_.push_back({question, id, bytes, now, {}});
}

void LinkWatch::answered(Question question, std::uint64_t id, Instant now) {
  const auto found = std::find_if(owed_.begin(), owed_.end(),
                                  [&](const Owed& owed) { return owed.question == question && owed.id == id; });
  if (found == owed_.end()) return;
  // How long a large message takes says as much of its size as of the link.
  if (found->bytes <= k_small_bytes) learn(now - found->asked_at);
  overtake(found, now);
  if (found->overtaken_at && question == Question::Telemetry) --telemetry_overtaken_;
  owed_.erase(found);
  answered_at_ = now;
  if (suspected_at_) relieved_ = true;
  suspected_at_.reset();
  if (owed_.empty() || !owed_.front().overtaken_at) probes_ = 0;
  if (now - opened_at_ >= k_good_after) patience_ = 1;
}

void LinkWatch::learn(Duration round_trip) {
  if (!round_trip_) {
    round_trip_ = round_trip;
    variation_ = round_trip / 2;
    return;
  }
  variation_ += (std::chrono::abs(*round_trip_ - round_trip) - variation_) / k_variation_part;
  *round_trip_ += (round_trip - *round_trip_) / k_round_trip_part;
}

void LinkWatch::overtake(const std::deque<Owed>::iterator& until, Instant now) {
  for (auto owed = owed_.begin(); owed != until; ++owed) {
    if (owed->overtaken_at) continue;
    owed->overtaken_at = now;
    if (owed->question == Question::Telemetry) ++telemetry_overtaken_;
  }
}

// ---- Verdicts

/// The oldest question whose missing answer tells of the link. One that was overtaken does not, nor does telemetry
/// behind it: a hub acknowledges that in order.
const LinkWatch::Owed* LinkWatch::telling() const {
  const auto found = std::find_if(owed_.begin(), owed_.end(), [this](const Owed& owed) {
    return !owed.overtaken_at && (owed.question == Question::Twin || telemetry_overtaken_ == 0);
  });
  return found == owed_.end() ? nullptr : &*found;
}

/// Since when the hub could have answered it, had it nothing else to do.
Instant LinkWatch::clock_of(const Owed& owed) const {
  return std::max(owed.asked_at, answered_at_) + time_for(owed.bytes);
}

LinkWatch::Duration LinkWatch::late_after() const {
  const Duration usual = round_trip_ ? *round_trip_ + k_late_variations * variation_ : connect_;
  return std::max<Duration>(limits_.suspect_after, std::min(usual, k_dead_max));
}

LinkWatch::Duration LinkWatch::dead_after() const {
  Duration learned = k_unknown_dead_after;
  if (connect_ > Duration::zero()) learned = k_dead_round_trips * connect_;
  if (round_trip_) learned = k_dead_round_trips * *round_trip_ + k_dead_variations * variation_;
  return patience_ * std::max<Duration>(limits_.silent_after, std::min(learned, k_dead_max));
}

/// Before the next probe.
LinkWatch::Duration LinkWatch::pause() const {
  const Duration late = late_after();
  return std::min(late * (1U << std::min(probes_, k_doublings_max)), std::max(late, k_probe_max));
}

/// Or suspicion, if there is none.
Instant LinkWatch::next_probe() const {
  if (suspected_at_) return probed_at_ + pause();
  const Instant oldest = clock_of(owed_.front()) + pause();
  const Owed* const told_by = telling();
  return told_by == nullptr ? oldest : std::min(oldest, clock_of(*told_by) + late_after());
}

std::optional<Instant> LinkWatch::death() const {
  std::optional<Instant> moment;
  if (const Owed* const told_by = telling(); told_by != nullptr && suspected_at_) {
    moment = std::max(clock_of(*told_by) + dead_after(), *suspected_at_ + k_grace);
  }
  if (const auto& overtaken_at = owed_.front().overtaken_at) {
    const Instant too_slow = *overtaken_at + patience_ * std::max<Duration>(k_dead_max, limits_.silent_after);
    moment = std::min(moment.value_or(too_slow), too_slow);
  }
  return moment;
}

LinkWatch::Verdict LinkWatch::look(Instant now) {
  if (relieved_) {
    relieved_ = false;
    return Verdict::Relieved;
  }
  if (owed_.empty()) return Verdict::Well;
  if (const auto moment = death(); moment && now >= *moment) return Verdict::Dead;
  if (now < next_probe()) return Verdict::Well;
  probed_at_ = now;
  ++probes_;
  if (suspected_at_) return Verdict::Probe;
  suspected_at_ = now;
  return Verdict::Suspect;
}

std::optional<Instant> LinkWatch::deadline() const {
  if (relieved_) return answered_at_;
  if (owed_.empty()) return std::nullopt;
  const Instant probe = next_probe();
  return std::min(probe, death().value_or(probe));
}

std::chrono::microseconds LinkWatch::owed_for(Instant now) const {
  return owed_.empty() ? Duration::zero() : now - owed_.front().asked_at;
}

std::optional<LinkWatch::Question> LinkWatch::oldest() const {
  return owed_.empty() ? std::nullopt : std::optional{owed_.front().question};
}

}  // namespace iotc_ha::core
