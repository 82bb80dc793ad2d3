#pragma once

#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/core/time.hpp>
#include <iotc_ha/core/window.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace iotc_ha::core {

/// The front of the queue while a session is open: what has been read from the spool, in order, and which of it is
/// unacknowledged at the hub. It is bounded, whatever waits on disk, and empty without a session. Pure.
///
/// A message that is unacknowledged each time the hub closes the session may be the reason (MQTT gives none). After
/// `k_strikes` it is a suspect and sent alone. If the session is closed on it once more, the next message is sent alone
/// before it, as a witness. If the hub closes on that one too, it closes on anything (its daily quota is used up, say),
/// and nothing is held against the message. If the hub takes it, the suspect follows, alone: it is condemned when that
/// very session is closed on it. Not before: the hub may have changed its mind about everything in the meantime.
class Outbox {
 public:
  static constexpr std::size_t k_messages_max = 1'000;
  static constexpr std::uint64_t k_bytes_max = 4ULL << 20U;
  static constexpr unsigned k_strikes = 3;

  // ---- From the spool
  /// What may be read now: what comes after a number, so many messages of so many bytes.
  struct Room {
    std::uint64_t after;
    std::size_t count;
    std::uint64_t bytes;
    friend bool operator==(const Room&, const Room&) = default;
  };
  /// Nothing while more than half of the bounds is in use.
  [[nodiscard]] std::optional<Room> room() const;
  void load(std::vector<Telemetry> messages);  ///< what comes next, in order

  // ---- To the hub
  /// What may be sent now, in order; it counts as unacknowledged from now on.
  [[nodiscard]] std::vector<Telemetry> take(Instant now);
  /// PUBACK. Does nothing for a message that is not here.
  void acknowledged(std::uint64_t sequence, Instant now);
  /// After session_ended(): the message that the hub cannot bear, once. It must not be loaded again.
  [[nodiscard]] std::optional<std::uint64_t> take_condemned();
  /// How a session ended.
  enum class End : std::uint8_t {
    Planned,  ///< by us
    Lost,     ///< it did not answer any more
    Closed,   ///< by the hub, or by the network, which looks the same from here
  };
  /// Everything is given back to the spool.
  void session_ended(End end);

  /// The highest number up to which everything that was loaded has been acknowledged.
  [[nodiscard]] std::uint64_t clear_up_to() const;
  [[nodiscard]] std::size_t loaded() const { return queue_.size(); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t window() const { return window_.size(); }

 private:
  struct Entry {
    Telemetry message;
    std::uint64_t bytes;
    std::optional<Instant> sent_at;  ///< unacknowledged since; nothing while it waits
  };
  using Queue = std::deque<Entry>;
  [[nodiscard]] Queue::iterator find(std::uint64_t sequence);
  [[nodiscard]] bool is_suspect(std::uint64_t sequence) const;
  void remove(const Queue::iterator& entry);
  void strike_those_in_flight();

  Queue queue_;  ///< in the order of their numbers
  std::uint64_t bytes_ = 0;
  std::uint64_t last_loaded_ = 0;
  std::size_t in_flight_ = 0;
  Window window_;

  std::map<std::uint64_t, unsigned> strikes_;  ///< of messages that were loaded when the last session ended
  bool alone_ = false;                         ///< what is in flight must stay the only one
  std::optional<std::uint64_t> accused_;       ///< a suspect that was alone when the session was closed
  bool witnessed_ = false;                     ///< the hub has taken another message in this session meanwhile
  std::optional<std::uint64_t> condemned_;
};

}  // namespace iotc_ha::core
