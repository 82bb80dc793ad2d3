#include <iotc_ha/core/outbox.hpp>

#include <algorithm>

namespace iotc_ha::core {
namespace {

std::uint64_t size_of(const Telemetry& message) {
  std::uint64_t bytes = message.body.size() + message.message_id.size() + message.component.size();
  for (const auto& [key, value] : message.properties) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

void Outbox::forget(const std::deque<Entry>::iterator& entry) {
  bytes_ -= entry->bytes;
  if (entry->sent_at) --in_flight_;
  queue_.erase(entry);
}

std::vector<std::uint64_t> Outbox::add(Telemetry message) {
  std::vector<std::uint64_t> dropped;
  const std::uint64_t bytes = size_of(message);
  while (bytes_ + bytes > limits_.bytes_max) {
    const auto oldest = std::find_if(queue_.begin(), queue_.end(), [](const Entry& e) { return !e.sent_at; });
    if (!limits_.drop_oldest || oldest == queue_.end()) {
      dropped.push_back(message.sequence);
      return dropped;
    }
    dropped.push_back(oldest->message.sequence);
    forget(oldest);
  }
  bytes_ += bytes;
  queue_.push_back({std::move(message), bytes, {}});
  return dropped;
}

std::vector<std::uint64_t> Outbox::drop_older_than(WallTime oldest) {
  std::vector<std::uint64_t> dropped;
  for (auto entry = queue_.begin(); entry != queue_.end();) {
    if (entry->sent_at || entry->message.created >= oldest) {
      ++entry;
      continue;
    }
    dropped.push_back(entry->message.sequence);
    bytes_ -= entry->bytes;
    entry = queue_.erase(entry);
  }
  return dropped;
}

std::vector<Telemetry> Outbox::take(Instant now) {
  std::vector<Telemetry> messages;
  for (auto entry = queue_.begin(); entry != queue_.end() && in_flight_ < limits_.in_flight_max; ++entry) {
    if (entry->sent_at) continue;
    entry->sent_at = now;
    ++in_flight_;
    messages.push_back(entry->message);
  }
  return messages;
}

bool Outbox::acknowledged(std::uint64_t sequence) {
  const auto entry =
      std::find_if(queue_.begin(), queue_.end(), [&](const Entry& e) { return e.message.sequence == sequence; });
  if (entry == queue_.end()) return false;
  forget(entry);
  return true;
}

void Outbox::session_ended() {
  for (Entry& entry : queue_) entry.sent_at.reset();
  in_flight_ = 0;
}

std::optional<Instant> Outbox::waiting_since() const {
  if (in_flight_ == 0) return std::nullopt;
  std::optional<Instant> oldest;
  for (const Entry& entry : queue_) {
    if (!entry.sent_at) break;  // those in flight come first
    if (!oldest || *entry.sent_at < *oldest) oldest = entry.sent_at;
  }
  return oldest;
}

}  // namespace iotc_ha::core
