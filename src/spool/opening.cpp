#include "opening.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <string>
#include <system_error>

namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t k_application_id = 0x494f5448;  // "IOTH", in the header of the file: `file iotc-ha.db` shows it
constexpr std::int64_t k_schema_version = 1;

constexpr const char* k_schema_1 =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE assignment ("
    "  dps_host TEXT NOT NULL,"
    "  id_scope TEXT NOT NULL,"
    "  registration_id TEXT NOT NULL,"
    "  hub TEXT NOT NULL,"
    "  device_id TEXT NOT NULL,"
    "  PRIMARY KEY (dps_host, id_scope, registration_id)"
    ") STRICT, WITHOUT ROWID;";

core::Error storage_failed(std::string what) { return {core::Fault::StorageFailed, std::move(what)}; }

/// What to do with a file that was found.
struct Verdict {
  enum class Kind : std::uint8_t { Begin, Use, Quarantine, Refuse };
  Kind kind;
  std::string why{};
};

Verdict verdict_on(const SqliteError& error) {
  if (error.means_damaged()) return {Verdict::Kind::Quarantine, "it is damaged or no database (" + error.what + ")"};
  return {Verdict::Kind::Refuse, error.what};
}

/// Reads only.
Verdict examine(Connection& connection) {
  const auto application_id = connection.query_integer("PRAGMA application_id");
  if (!application_id) return verdict_on(application_id.error());
  const auto version = connection.query_integer("PRAGMA user_version");
  if (!version) return verdict_on(version.error());
  const auto tables = connection.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return verdict_on(tables.error());

  if (*application_id == 0 && *version == 0 && *tables == 0) return {Verdict::Kind::Begin};
  if (*application_id != k_application_id) {
    return {Verdict::Kind::Quarantine,
            "it is the database of another program (application id " + std::to_string(*application_id) + ")"};
  }
  if (*version > k_schema_version) {
    return {Verdict::Kind::Refuse, "it was written by a newer version of iotc-ha (schema " + std::to_string(*version) +
                                       "; this one knows schemas up to " + std::to_string(k_schema_version) +
                                       "). Install that version again, or move the file away to begin a new one"};
  }
  const auto check = connection.query_text("PRAGMA quick_check(1)");
  if (!check) return verdict_on(check.error());
  if (*check != "ok") return {Verdict::Kind::Quarantine, "it is damaged (" + *check + ")"};
  const auto table =
      connection.query_integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'assignment'");
  if (!table) return verdict_on(table.error());
  if (*version < 1 || *table != 1) return {Verdict::Kind::Quarantine, "it lacks tables that its version should have"};
  return {Verdict::Kind::Use};
}

SqliteResult<void> make_ready(Connection& connection, bool begin) {
  auto mode = connection.query_text("PRAGMA journal_mode = WAL");
  if (!mode) return tl::unexpected(mode.error());
  if (*mode != "wal") return tl::unexpected(SqliteError{0, "this file system gives no shared memory, which WAL needs"});
  // FULL: a commit has been fsync'ed when it returns; NORMAL would lose the last ones in a power cut.
  auto ready = connection.execute("PRAGMA synchronous = FULL");
  if (ready && begin) {
    ready = connection.execute(k_schema_1 + ("PRAGMA application_id = " + std::to_string(k_application_id)) +
                               ";PRAGMA user_version = " + std::to_string(k_schema_version) + ";COMMIT");
  }
  if (ready) ready = connection.checkpoint_on_close(true);
  return ready;
}

std::string time_stamp() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

/// A name in `folder` that nothing has yet.
core::Result<fs::path> free_name(const fs::path& folder) {
  constexpr int k_names_max = 1000;
  const std::string stem = "iotc-ha-" + time_stamp();
  for (int i = 0; i < k_names_max; ++i) {
    fs::path name = folder / (stem + (i == 0 ? "" : "-" + std::to_string(i)) + ".db");
    if (!fs::exists(fs::symlink_status(name))) return name;
  }
  return tl::unexpected(
      storage_failed(folder.string() + " has " + std::to_string(k_names_max) + " files of this second"));
}

/// The file must not be open any more. Answers the new name.
core::Result<fs::path> move_to_quarantine(const fs::path& file) {
  const fs::path folder = file.parent_path() / "quarantine";
  std::error_code failed;
  fs::create_directory(folder, failed);
  if (failed) return tl::unexpected(storage_failed(folder.string() + " cannot be made: " + failed.message()));
  auto name = free_name(folder);
  if (!name) return name;
  // The file itself goes last: SQLite deletes a -wal that it finds alone, so a crash in between must not leave one.
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    const fs::path from = file.string() + suffix;
    const fs::path to = name->string() + suffix;
    fs::rename(from, to, failed);
    if (failed && failed != std::errc::no_such_file_or_directory) {
      return tl::unexpected(
          storage_failed(from.string() + " cannot be moved to " + to.string() + ": " + failed.message()));
    }
  }
  return name;
}

struct Attempt {
  Verdict verdict;
  std::optional<Connection> connection{};  ///< when the file can be used
};

/// Makes the file if it is missing. SQLite would do that too, but it tries again for reading only when it may not
/// write, and then blames the second attempt's reason.
std::error_code make_writable_file(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);  // -wal and -shm inherit the mode
  if (fd < 0) return {errno, std::generic_category()};
  ::close(fd);
  return {};
}

Attempt try_open(const fs::path& file) {
  if (const std::error_code failed = make_writable_file(file)) return {{Verdict::Kind::Refuse, failed.message()}};
  auto connection = Connection::open(file, Connection::Access::ReadWrite);
  if (!connection) return {verdict_on(connection.error())};
  // Until the file is known to be sound, closing it must neither write to it nor remove its -wal.
  if (const auto set = connection->checkpoint_on_close(false); !set) return {verdict_on(set.error())};
  Verdict verdict = examine(*connection);
  if (verdict.kind == Verdict::Kind::Quarantine || verdict.kind == Verdict::Kind::Refuse) return {std::move(verdict)};
  if (const auto ready = make_ready(*connection, verdict.kind == Verdict::Kind::Begin); !ready) {
    return {verdict_on(ready.error())};
  }
  return {std::move(verdict), std::move(*connection)};
}

}  // namespace

core::Result<Opened> open_database(const fs::path& state_dir, const std::function<void(const core::Error&)>& note) {
  std::error_code failed;
  fs::create_directory(state_dir, failed);
  if (failed) {
    return tl::unexpected(storage_failed("state directory " + state_dir.string() + ": " + failed.message()));
  }
  const fs::path file = state_dir / "iotc-ha.db";

  Attempt attempt = try_open(file);
  if (attempt.verdict.kind == Verdict::Kind::Quarantine) {
    const auto moved = move_to_quarantine(file);
    if (!moved) return tl::unexpected(moved.error());
    note(storage_failed(file.string() + " cannot be used: " + attempt.verdict.why + ". It was moved to " +
                        moved->string() + " and a new one is begun"));
    attempt = try_open(file);
  }
  if (!attempt.connection) {
    return tl::unexpected(storage_failed(file.string() + " cannot be used: " + attempt.verdict.why));
  }
  return Opened{file, std::move(*attempt.connection)};
}

}  // namespace iotc_ha::spool
