#pragma once

#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace iotc_ha::core {

/// Telemetry on its way to a hub: in order, a bounded number of bytes waiting, a bounded number in flight. A message
/// leaves only when a hub has acknowledged it or when it was dropped, and a drop is always told. Pure.
class Outbox {
 public:
  struct Limits {
    std::uint64_t bytes_max = 256ULL << 20U;  ///< of bodies and properties, all messages together
    std::size_t in_flight_max = 50;           ///< unacknowledged publishes; the sheet's advice for a hub is 10 to 50
    bool drop_oldest = true;                  ///< when full: the oldest goes; else the new one is not taken
  };
  explicit Outbox(Limits limits) : limits_(limits) {}

  /// Takes a message. Answers the sequences of those that had to go for it, its own if it was not taken. A message in
  /// flight is never dropped: the hub may have it already.
  [[nodiscard]] std::vector<std::uint64_t> add(Telemetry message);
  /// Drops what was created before `oldest` and is not in flight; answers the sequences.
  [[nodiscard]] std::vector<std::uint64_t> drop_older_than(WallTime oldest);

  /// What may be sent now on the open session, in order; it counts as in flight from now on.
  [[nodiscard]] std::vector<Telemetry> take(Instant now);
  /// PUBACK, of whatever session: a hub that has acknowledged a message has it. False when it is not here (any more).
  bool acknowledged(std::uint64_t sequence);
  /// The session is gone: what was in flight will be sent again, in order, under the same ids.
  void session_ended();

  /// Since when the oldest message in flight has been waiting for its PUBACK; nothing when none is in flight.
  [[nodiscard]] std::optional<Instant> waiting_since() const;

  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t queued_bytes() const { return bytes_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  void set_limits(Limits limits) { limits_ = limits; }

 private:
  struct Entry {
    Telemetry message;
    std::uint64_t bytes;
    std::optional<Instant> sent_at;  ///< in flight since; nothing while it waits
  };
  void forget(const std::deque<Entry>::iterator& entry);

  Limits limits_;
  std::deque<Entry> queue_;  ///< in order; those in flight come first
  std::uint64_t bytes_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace iotc_ha::core
