#include "opening.hpp"

#include "folder.hpp"
#include "log_check.hpp"
#include "schema.hpp"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;

// A file up to this size is checked from end to end at the start, which takes some 50 ms. What is wrong with a larger
// one beyond what is looked at here is found when it is read.
constexpr std::uintmax_t k_checked_whole_max = 8U << 20U;

core::Error storage_failed(std::string what) { return {core::Fault::StorageFailed, std::move(what)}; }

/// What to do with a file that was found.
struct Verdict {
  enum class Kind : std::uint8_t { Use, Damaged, Foreign, Refuse };
  Kind kind;
  std::string why{};
  bool end_lost = false;           ///< transactions at the end are gone, and the account does not know of them
  std::optional<Opened> opened{};  ///< to use
};

Verdict verdict_on(const SqliteError& error) {
  if (error.means_damaged()) return {Verdict::Kind::Damaged, error.what};
  return {Verdict::Kind::Refuse, error.what};
}

SqliteResult<void> check_whole(Connection& connection, const fs::path& file) {
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(file, failed);
  if (failed || size > k_checked_whole_max) return {};
  const auto check = connection.query_text("PRAGMA quick_check(1)");
  if (!check) return tl::unexpected(check.error());
  if (*check != "ok") return damaged(*check);
  return {};
}

/// What is quick to check of the rows, however many there are: the ends, and whether the account knows of them.
SqliteResult<void> check_ends(Tables& tables, const Content& content) {
  std::uint64_t queued = 0;
  std::uint64_t last = content.identity.numbers_above;
  for (const Life& life : content.lives) {
    queued += life.account.queued;
    last = std::max(last, life.last_sequence);
  }
  std::optional<std::uint64_t> first;
  auto read = tables.read(0, [&](Row&& row) {
    first = row.message.sequence;
    return false;
  });
  if (!read) return read;
  const auto highest = tables.connection().query_integer("SELECT coalesce(max(sequence), 0) FROM message");
  if (!highest) return tl::unexpected(highest.error());
  const auto highest_queued = static_cast<std::uint64_t>(*highest);
  if (first.has_value() != (queued > 0) || highest_queued > last) return damaged("the account does not fit the rows");
  return first ? tables.read(highest_queued - 1, [](Row&& /*row*/) { return true; }) : SqliteResult<void>{};
}

SqliteResult<Opened> load(Connection connection, const fs::path& file) {
  auto tables = check_whole(connection, file).and_then([&] { return Tables::prepare(std::move(connection)); });
  if (!tables) {
    if (tables.error().means_damaged()) return tl::unexpected(tables.error());
    return damaged("it lacks tables that its version should have (" + tables.error().what + ")");
  }
  Content content;
  Tables::Aside aside;
  auto done = tables->lives()
                  .and_then([&](std::vector<Life>&& lives) {
                    content.lives = std::move(lives);
                    return tables->identity();
                  })
                  .and_then([&](Tables::Identity&& identity) {
                    content.identity = std::move(identity);
                    return tables->assignments();
                  })
                  .and_then([&](RememberedHubs&& remembered) {
                    content.remembered = std::move(remembered);
                    return tables->inbox().documents();
                  })
                  .and_then([&](Documents&& documents) {
                    content.documents = std::move(documents);
                    return tables->aside();
                  })
                  .and_then([&](const Tables::Aside& found) {
                    aside = found;
                    return check_ends(*tables, content);
                  });
  if (!done) return tl::unexpected(done.error());
  return Opened{std::move(*tables), std::move(content), aside, {}, {}};
}

struct Found {
  std::int64_t application_id = 0;
  std::int64_t version = 0;
  std::int64_t tables = 0;
};

SqliteResult<Found> read_header(Connection& connection) {
  Found found;
  for (const auto& [query, value] :
       {std::pair{"PRAGMA application_id", &found.application_id}, std::pair{"PRAGMA user_version", &found.version},
        std::pair{"SELECT count(*) FROM sqlite_schema", &found.tables}}) {
    const auto answer = connection.query_integer(query);
    if (!answer) return tl::unexpected(answer.error());
    *value = *answer;
  }
  return found;
}

Verdict try_open(const Folder& folder, std::uint64_t numbers_above) {
  const fs::path file = folder.database();
  std::error_code failed;
  const bool found_file = fs::exists(file, failed);
  if (const std::error_code error = folder.make_database()) return {Verdict::Kind::Refuse, error.message()};
  // SQLite takes it for a new one, and deletes the log that may lie beside it.
  if (found_file && fs::file_size(file, failed) == 0) return {Verdict::Kind::Damaged, "it is empty", true};
  if (auto lost = what_a_log_lost(fs::path(file.string() + "-wal"))) return {Verdict::Kind::Damaged, *lost, true};

  auto connection = Connection::open(file);
  if (!connection) return verdict_on(connection.error());
  // Until the file is known to be sound, closing it must neither write to it nor remove its -wal.
  if (const auto set = connection->checkpoint_on_close(false); !set) return verdict_on(set.error());
  if (const auto set = keep_others_out(*connection); !set) return verdict_on(set.error());
  const auto found = read_header(*connection);
  if (!found) return verdict_on(found.error());
  const bool is_new = found->application_id == 0 && found->version == 0 && found->tables == 0;
  if (!is_new && found->application_id != k_application_id) {
    return {Verdict::Kind::Foreign,
            "it is the database of another program (application id " + std::to_string(found->application_id) + ")"};
  }
  if (found->version > k_schema_version) {
    return {Verdict::Kind::Refuse, "it was written by a newer version of iotc-ha (schema " +
                                       std::to_string(found->version) + "; this one knows schemas up to " +
                                       std::to_string(k_schema_version) +
                                       "). Install that version again, or move the file away to begin a new one"};
  }
  auto ready = set_for_service(*connection);
  if (ready && found->version < k_schema_version) {
    ready = make_schema(*connection, found->version, random_id(), numbers_above);
  }
  if (!ready) return verdict_on(ready.error());
  auto opened = load(std::move(*connection), file);
  if (!opened) return verdict_on(opened.error());
  if (const auto set = opened->tables.connection().checkpoint_on_close(true); !set) return verdict_on(set.error());
  return {Verdict::Kind::Use, {}, false, std::move(*opened)};
}

std::string told(const Salvaged& salvaged) {
  std::string text = std::to_string(salvaged.recovered) + " queued messages were recovered, ";
  text += salvaged.lost_is_known ? std::to_string(salvaged.lost) + " are lost"
                                 : "at least " + std::to_string(salvaged.lost) +
                                       " are lost: the account was damaged too, so the number is unknown";
  if (!salvaged.stopped_by.empty()) text += "; not all of it was read: " + salvaged.stopped_by;
  if (!salvaged.also_lost.empty()) text += "; not all " + salvaged.also_lost + " could be read";
  return text;
}

core::Result<Opened> open_sound(const Folder& folder, std::uint64_t numbers_above) {
  Verdict verdict = try_open(folder, numbers_above);
  if (verdict.opened) return std::move(*verdict.opened);
  return tl::unexpected(storage_failed(folder.database().string() + " cannot be used: " + verdict.why));
}

/// Numbers go on above those that a file may have used which nobody can read.
std::uint64_t above_all(const Moment& now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now.wall.time_since_epoch().count(), 0));
}

core::Result<Opened> mend(const Folder& folder, const Verdict& verdict, const std::optional<Content>& known,
                          const Moment& now) {
  // Of an attempt that failed half-way.
  const auto finished = folder.finish_replacing();
  if (!finished) return tl::unexpected(finished.error());
  if (*finished) return open_sound(folder, 0);
  auto salvaged = salvage(folder.database(), folder.unfinished(), known, verdict.end_lost, now);
  if (!salvaged) {
    std::error_code ignored;  // it is tried again with the next attempt
    fs::remove(folder.unfinished(), ignored);
    return tl::unexpected(
        storage_failed(folder.database().string() + " is damaged (" + verdict.why + "), and " + salvaged.error().what));
  }
  const auto moved = folder.replace_database();
  if (!moved) return tl::unexpected(moved.error());
  auto opened = open_sound(folder, 0);
  if (!opened) return opened;
  opened->notes.push_back(storage_failed(folder.database().string() + " was damaged (" + verdict.why +
                                         "). It was moved to " + moved->string() +
                                         " and a new one is begun: " + told(*salvaged)));
  opened->dropped = std::move(salvaged->dropped);
  return opened;
}

}  // namespace

core::Result<Opened> open_database(const fs::path& state_dir, const Moment& now) {
  const Folder folder(state_dir);
  auto made = folder.make();
  if (!made) return tl::unexpected(std::move(made.error()));
  const auto finished = folder.finish_replacing();
  if (!finished) return tl::unexpected(finished.error());

  Verdict verdict = try_open(folder, 0);
  if (verdict.kind == Verdict::Kind::Damaged) return mend(folder, verdict, std::nullopt, now);
  if (verdict.kind == Verdict::Kind::Foreign) {
    const auto moved = folder.set_database_aside();
    if (!moved) return tl::unexpected(moved.error());
    auto opened = open_sound(folder, above_all(now));
    if (opened) {
      opened->notes.push_back(storage_failed(folder.database().string() + " cannot be used: " + verdict.why +
                                             ". It was moved to " + moved->string() + " and a new one is begun"));
    }
    return opened;
  }
  if (verdict.kind == Verdict::Kind::Refuse) {
    return tl::unexpected(storage_failed(folder.database().string() + " cannot be used: " + verdict.why));
  }
  return std::move(*verdict.opened);
}

core::Result<Opened> mend_database(const fs::path& state_dir, const std::string& why, const Content& known,
                                   const Moment& now) {
  return mend(Folder(state_dir), {Verdict::Kind::Damaged, why}, known, now);
}

}  // namespace iotc_ha::spool
