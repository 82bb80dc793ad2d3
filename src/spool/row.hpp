#pragma once

#include "sqlite.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/telemetry.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

/// How a message and an account stand in a row of the database.
namespace iotc_ha::spool {

/// When something happened: on the clock that never jumps, and on the one that people read.
struct Moment {
  core::Instant now{};
  core::WallTime wall{};
};

/// A message as it stands on disk.
struct Row {
  core::Telemetry message;
  Moment accepted;
  std::uint64_t bytes = 0;  ///< core::size_of(message)
};

/// What the messages of one life of the daemon came to, as it stands on disk. `account.queued` is kept up with each
/// transaction, so that the start need not count rows.
struct Life {
  core::Account account;
  std::uint64_t queued_bytes = 0;
  std::uint64_t kept = 0;  ///< acknowledged, and kept for a replay
  std::uint64_t kept_bytes = 0;
  std::uint64_t last_sequence = 0;  ///< the highest number that was used up to the end of this life
  /// The wall clock minus CLOCK_BOOTTIME at this life's last transaction. A device without a clock of its own starts in
  /// the past and learns the time later: a message's Instant and this tell when it was accepted, better than what the
  /// wall clock said at that moment. Nothing when it is not known (zero on disk).
  std::optional<std::chrono::microseconds> clock;
};

/// How a time stands on disk.
[[nodiscard]] inline std::int64_t microseconds(core::WallTime time) { return time.time_since_epoch().count(); }
[[nodiscard]] inline core::WallTime wall_time(std::int64_t microseconds) {
  return core::WallTime{std::chrono::microseconds{microseconds}};
}

/// `sequence, boot, created, accepted, uptime, bytes, checksum, message_id, component, properties, body`: what the
/// tables message, kept and quarantine have in common, in the order in which read_row() wants them.
extern const std::string k_row_columns;
constexpr int k_row_width = 11;

/// Each text as its length in four bytes, the lowest first, and its bytes; key and value by turns.
[[nodiscard]] std::string encode(const core::Properties& properties);
/// Nothing when it is not what encode() makes.
[[nodiscard]] std::optional<core::Properties> decode(const std::string& bytes);

/// CRC-32 of the numbers, which should include the length of each text but the last, and the texts.
[[nodiscard]] std::uint64_t crc_of(std::initializer_list<std::uint64_t> numbers,
                                   std::initializer_list<std::string_view> texts);
/// CRC-32 of all that is in the row. SQLite notices that its own structures are damaged, but not texts and numbers.
[[nodiscard]] std::uint64_t checksum_of(const Row& row, const std::string& properties);
/// From a row that starts with `k_row_columns`. Nothing when it is not what was written.
[[nodiscard]] std::optional<Row> read_row(const Run& run);

/// A Life as the columns of the table account, without the checksum of them, which follows.
using LifeColumns = std::array<std::int64_t, 16>;
extern const std::string k_life_columns;
[[nodiscard]] LifeColumns columns_of(const Life& life);
[[nodiscard]] std::uint64_t checksum_of(const LifeColumns& columns);
/// From a row of `k_life_columns`. Nothing when it is not what was written.
[[nodiscard]] std::optional<Life> read_life(const Run& run);

}  // namespace iotc_ha::spool
