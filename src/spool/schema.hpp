#pragma once

#include "sqlite.hpp"

#include <cstdint>
#include <string>

/// The tables, and how those of an older version become those of this one.
namespace iotc_ha::spool {

constexpr std::int64_t k_application_id = 0x494f5448;  // "IOTH", in the header of the file: `file iotc-ha.db` shows it
constexpr std::int64_t k_schema_version = 4;

/// Makes the tables in an empty database, or brings those of an older version up to date, in one transaction. `id` is
/// the spool's if it gets one now; its messages have numbers above `numbers_above`.
[[nodiscard]] SqliteResult<void> make_schema(Connection& connection, std::int64_t version_found, const std::string& id,
                                             std::uint64_t numbers_above);

/// No other process can use the file while this connection has it: what is in memory about the queue is only true then.
/// To be set before anything is read. SQLite needs no shared memory then, a -shm file, for which a full disk has no
/// room.
[[nodiscard]] SqliteResult<void> keep_others_out(Connection& connection);

/// For one connection: WAL, each commit on the disk before it returns, little memory.
[[nodiscard]] SqliteResult<void> set_for_service(Connection& connection);

/// Eight hexadecimal digits that no other spool has, as good as that can be had.
[[nodiscard]] std::string random_id();
[[nodiscard]] bool is_id(const std::string& text);

}  // namespace iotc_ha::spool
