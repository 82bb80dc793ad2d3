#include "schema.hpp"

#include <array>
#include <cstdio>
#include <random>

namespace iotc_ha::spool {
namespace {

constexpr const char* k_version_1 =
    "CREATE TABLE assignment ("
    "  dps_host TEXT NOT NULL,"
    "  id_scope TEXT NOT NULL,"
    "  registration_id TEXT NOT NULL,"
    "  hub TEXT NOT NULL,"
    "  device_id TEXT NOT NULL,"
    "  PRIMARY KEY (dps_host, id_scope, registration_id)"
    ") STRICT, WITHOUT ROWID;";

// Times are in microseconds: created, accepted, started, delivered, received, until, at and named_at since 1970, uptime
// on CLOCK_BOOTTIME. The long columns come last, so that a row is judged without reading the pages that a long body
// goes on in. `queued` and its like are kept up in the account because it is written with each transaction anyway: one
// page for the message and one for the account is all that a commit of one message writes.
constexpr const char* k_row =
    "  sequence INTEGER PRIMARY KEY,"
    "  boot INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  accepted INTEGER NOT NULL,"
    "  uptime INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  component TEXT NOT NULL,"
    "  properties BLOB NOT NULL,"
    "  body TEXT NOT NULL";

std::string version_2() {
  const std::string row = k_row;
  return "CREATE TABLE spool (id TEXT NOT NULL, numbers_above INTEGER NOT NULL) STRICT;"
         "CREATE TABLE account ("
         "  boot INTEGER PRIMARY KEY,"
         "  started INTEGER NOT NULL,"
         "  clock INTEGER NOT NULL,"
         "  last_sequence INTEGER NOT NULL,"
         "  accepted INTEGER NOT NULL,"
         "  delivered INTEGER NOT NULL,"
         "  queued INTEGER NOT NULL,"
         "  queued_bytes INTEGER NOT NULL,"
         "  kept INTEGER NOT NULL,"
         "  kept_bytes INTEGER NOT NULL,"
         "  dropped_full INTEGER NOT NULL,"
         "  dropped_expired INTEGER NOT NULL,"
         "  dropped_damaged INTEGER NOT NULL,"
         "  quarantined INTEGER NOT NULL,"
         "  replayed INTEGER NOT NULL,"
         "  lives INTEGER NOT NULL,"
         "  checksum INTEGER NOT NULL"
         ") STRICT;"
         "CREATE TABLE message (" +
         row +
         ") STRICT;"
         "CREATE TABLE kept (" +
         row +
         ",  hub TEXT NOT NULL,  delivered INTEGER NOT NULL) STRICT;"
         "CREATE TABLE quarantine (" +
         row + ",  why TEXT NOT NULL,  at INTEGER NOT NULL) STRICT;";
}

// What the cloud has sent, and what must be remembered of it. `taken` has a row for each C2D message that was taken,
// also when it is done with: the next one's id comes after the highest there.
constexpr const char* k_version_3 =
    "CREATE TABLE document ("
    "  id INTEGER PRIMARY KEY,"
    "  checksum INTEGER NOT NULL,"
    "  name TEXT NOT NULL UNIQUE,"
    "  text TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE command ("
    "  id INTEGER PRIMARY KEY,"
    "  checksum INTEGER NOT NULL,"
    "  received INTEGER NOT NULL,"
    "  until INTEGER NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  component TEXT NOT NULL,"
    "  payload BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE taken ("
    "  id INTEGER PRIMARY KEY,"
    "  checksum INTEGER NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  message_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX taken_message_id ON taken (message_id);";

// When DPS named the hub, and why. What an older version remembers tells neither.
constexpr const char* k_version_4 =
    "ALTER TABLE assignment ADD COLUMN named_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE assignment ADD COLUMN why TEXT NOT NULL DEFAULT '';";

}  // namespace

SqliteResult<void> make_schema(Connection& connection, std::int64_t version_found, const std::string& id,
                               std::uint64_t numbers_above) {
  std::string sql = "BEGIN IMMEDIATE;";
  if (version_found < 1) sql += k_version_1;
  if (version_found < 2) {
    sql += version_2() + "INSERT INTO spool VALUES ('" + id + "', " + std::to_string(numbers_above) + ");";
  }
  if (version_found < 3) sql += k_version_3;
  if (version_found < 4) sql += k_version_4;
  sql += "PRAGMA application_id = " + std::to_string(k_application_id) +
         ";PRAGMA user_version = " + std::to_string(k_schema_version) + ";COMMIT";
  return connection.execute(sql);
}

SqliteResult<void> keep_others_out(Connection& connection) {
  return connection.execute("PRAGMA locking_mode = EXCLUSIVE");
}

SqliteResult<void> set_for_service(Connection& connection) {
  const auto mode = connection.query_text("PRAGMA journal_mode = WAL");
  if (!mode) return tl::unexpected(mode.error());
  if (*mode != "wal") return tl::unexpected(SqliteError{0, "this file system does not bear a write-ahead log"});
  // FULL: a commit has been fsync'ed when it returns; NORMAL would lose the last ones in a power cut.
  return connection.execute(
      "PRAGMA synchronous = FULL;"
      "PRAGMA cache_size = -2048;"            // KiB
      "PRAGMA journal_size_limit = 4194304;"  // what a large transaction made of the -wal file is given back
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA cell_size_check = ON");
}

std::string random_id() {
  std::random_device random;
  std::array<char, 9> text{};
  const int length = std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(random()));
  return {text.data(), static_cast<std::size_t>(length)};
}

bool is_id(const std::string& text) {
  return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace iotc_ha::spool
