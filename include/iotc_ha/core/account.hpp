#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <string_view>

/// What became of every message that was accepted: accepted = delivered + queued + dropped + quarantined.
namespace iotc_ha::core {

/// The numbers of messages that were accepted together, one after the other.
struct Sequences {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  friend bool operator==(const Sequences&, const Sequences&) = default;
};

/// Why a message left the queue without a hub having it.
enum class Loss : std::uint8_t {
  Full,         ///< the oldest, because `[spool] max_bytes` was reached and `when_full` is drop-oldest
  Expired,      ///< older than `[spool] max_age`
  Damaged,      ///< the disk no longer has what was written to it
  Quarantined,  ///< the hub closes the session each time it is sent; it is kept aside on disk
};
/// As users see it: "full", "expired", "damaged", "quarantined".
[[nodiscard]] std::string_view name_of(Loss loss) noexcept;

/// Messages that left the queue without a hub having them. Numbers between `first` and `last` may be of others.
struct Dropped {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count = 0;
  Loss reason{};

  friend bool operator==(const Dropped&, const Dropped&) = default;
};

/// The messages that one life of the daemon accepted, and where they are now.
struct Account {
  std::uint64_t boot = 0;  ///< as in Telemetry::boot; that of the last one for lives that were summed up
  WallTime started{};
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;  ///< acknowledged by a hub
  std::uint64_t queued = 0;     ///< counted: the rows that are there
  std::uint64_t dropped_full = 0;
  std::uint64_t dropped_expired = 0;
  std::uint64_t dropped_damaged = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t replayed = 0;  ///< put back into the queue after a failover; each was delivered before, and is again
  std::uint64_t lives = 1;     ///< how many lives of the daemon are summed up in this line

  [[nodiscard]] std::uint64_t dropped() const { return dropped_full + dropped_expired + dropped_damaged; }
  [[nodiscard]] bool adds_up() const { return accepted == delivered + queued + dropped() + quarantined; }

  friend bool operator==(const Account&, const Account&) = default;
};

/// The spool at this moment, over all lives in its database.
struct SpoolFigures {
  std::uint64_t queued = 0;
  std::uint64_t queued_bytes = 0;
  WallTime oldest_queued{};  ///< when the first of them was accepted; the epoch when none waits
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t capacity = 0;       ///< bytes, of `[spool] max_bytes`
  std::uint64_t bytes_written = 0;  ///< to the files of the database since the start of the daemon

  friend bool operator==(const SpoolFigures&, const SpoolFigures&) = default;
};

}  // namespace iotc_ha::core
