#include <iotc_ha/core/outbox.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::core {

// ---- From the spool

std::optional<Outbox::Room> Outbox::room() const {
  if (queue_.size() > k_messages_max / 2 || bytes_ > k_bytes_max / 2) return std::nullopt;
  return Room{last_loaded_, k_messages_max - queue_.size(), k_bytes_max - bytes_};
}

void Outbox::load(std::vector<Telemetry> messages) {
  for (Telemetry& message : messages) {
    last_loaded_ = message.sequence;
    const std::uint64_t bytes = size_of(message);
    bytes_ += bytes;
    queue_.push_back({std::move(message), bytes, {}});
  }
}

// ---- To the hub

std::vector<Telemetry> Outbox::take(Instant now) {
  std::vector<Telemetry> messages;
  const auto send = [&](Entry& entry) {
    entry.sent_at = now;
    ++in_flight_;
    messages.push_back(entry.message);
  };
  // Those in flight come first, but for the accused.
  for (auto entry = queue_.begin(); entry != queue_.end() && !alone_ && in_flight_ < window_.size(); ++entry) {
    if (entry->sent_at) continue;
    const std::uint64_t sequence = entry->message.sequence;
    // The witness goes before the accused, if there is one, and the accused before all others.
    if (accused_ == sequence && !witnessed_ && queue_.size() > 1) continue;
    if (accused_ != sequence && witnessed_) continue;
    const bool must_be_alone = accused_ || is_suspect(sequence);
    if (must_be_alone && in_flight_ > 0) break;
    send(*entry);
    alone_ = must_be_alone;
  }
  return messages;
}

void Outbox::acknowledged(std::uint64_t sequence, Instant now) {
  const auto entry = find(sequence);
  if (entry == queue_.end() || !entry->sent_at) return;
  window_.acknowledged(*entry->sent_at, now, in_flight_ >= window_.size());
  remove(entry);
  alone_ = false;
  if (!accused_) return;
  witnessed_ = find(*accused_) != queue_.end();
  if (!witnessed_) accused_.reset();  // it was taken itself
}

std::optional<std::uint64_t> Outbox::take_condemned() { return std::exchange(condemned_, std::nullopt); }

void Outbox::session_ended(End end) {
  if (in_flight_ > 0) {
    if (end == End::Closed) strike_those_in_flight();
    if (end != End::Planned) window_.session_lost();
  }
  window_.session_ended();
  witnessed_ = false;
  queue_.clear();
  bytes_ = 0;
  last_loaded_ = 0;
  in_flight_ = 0;
  alone_ = false;
}

void Outbox::strike_those_in_flight() {
  std::map<std::uint64_t, unsigned> strikes;  // what is not here any more has been acknowledged or dropped
  for (const Entry& entry : queue_) {
    const std::uint64_t sequence = entry.message.sequence;
    const auto before = strikes_.find(sequence);
    const unsigned count = (before == strikes_.end() ? 0 : before->second) + (entry.sent_at ? 1 : 0);
    if (count > 0) strikes.emplace(sequence, count);
    if (!alone_ || !entry.sent_at) continue;
    const bool was_accused = accused_ == sequence;
    if (was_accused && witnessed_) condemned_ = sequence;
    // Closed on a witness: it is not the message.
    accused_ = condemned_ || (accused_ && !was_accused) ? std::nullopt : std::optional{sequence};
  }
  strikes_ = std::move(strikes);
}

// ---- What there is

std::uint64_t Outbox::clear_up_to() const {
  return queue_.empty() ? last_loaded_ : queue_.front().message.sequence - 1;
}

Outbox::Queue::iterator Outbox::find(std::uint64_t sequence) {
  const auto entry = std::lower_bound(queue_.begin(), queue_.end(), sequence,
                                      [](const Entry& e, std::uint64_t number) { return e.message.sequence < number; });
  return entry != queue_.end() && entry->message.sequence == sequence ? entry : queue_.end();
}

bool Outbox::is_suspect(std::uint64_t sequence) const {
  const auto found = strikes_.find(sequence);
  return found != strikes_.end() && found->second >= k_strikes;
}

void Outbox::remove(const Queue::iterator& entry) {
  bytes_ -= entry->bytes;
  if (entry->sent_at) --in_flight_;
  strikes_.erase(entry->message.sequence);
  queue_.erase(entry);
}

}  // namespace iotc_ha::core
