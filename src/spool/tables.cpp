#include "tables.hpp"

#include "schema.hpp"

#include <array>
#include <tuple>

namespace iotc_ha::spool {
namespace {

bool same(const AssignmentKey& one, const AssignmentKey& other) {
  return std::tie(one.dps_host, one.id_scope, one.registration_id) ==
         std::tie(other.dps_host, other.id_scope, other.registration_id);
}

SqliteResult<void> each_erased(Run& run, const OnErased& erased) {
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    if (auto told = erased({run.count(0), run.count(1), run.count(2)}); !told) return told;
  }
}

}  // namespace

void put_in(RememberedHubs& hubs, const AssignmentKey& key, const core::Remembered& remembered) {
  std::erase_if(hubs, [&](const auto& entry) { return same(entry.first, key); });
  hubs.emplace_back(key, remembered);
}

std::optional<core::Remembered> find_in(const RememberedHubs& hubs, const AssignmentKey& key) {
  for (const auto& [entry, remembered] : hubs) {
    if (same(entry, key)) return remembered;
  }
  return std::nullopt;
}

std::pair<AssignmentKey, core::Remembered> read_assignment(const Run& run) {
  return {AssignmentKey{run.text(0), run.text(1), run.text(2)},
          core::Remembered{{run.text(3), run.text(4)}, wall_time(run.integer(5)), run.text(6)}};
}

SqliteResult<Tables> Tables::prepare(Connection connection) {
  const std::string all = k_row_columns;
  const std::array<std::string, k_names> texts = {
      "BEGIN IMMEDIATE",
      "COMMIT",
      "INSERT INTO message (" + all + ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      "SELECT sequence, boot, accepted, uptime, bytes FROM message WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      "SELECT " + all + " FROM message WHERE sequence > ?1 ORDER BY sequence",
      "DELETE FROM message WHERE sequence BETWEEN ?1 AND ?2 RETURNING sequence, boot, bytes",
      "SELECT boot FROM message ORDER BY sequence",
      "INSERT INTO kept SELECT " + all + ", ?3, ?4 FROM message WHERE sequence BETWEEN ?1 AND ?2",
      "SELECT sequence, boot, bytes, hub, delivered FROM kept WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      "INSERT INTO message SELECT " + all + " FROM kept WHERE sequence = ?1",
      "DELETE FROM kept WHERE sequence BETWEEN ?1 AND ?2 RETURNING sequence, boot, bytes",
      "INSERT INTO quarantine SELECT " + all + ", ?2, ?3 FROM message WHERE sequence = ?1",
      "DELETE FROM quarantine WHERE sequence = (SELECT min(sequence) FROM quarantine) RETURNING bytes",
      "INSERT OR REPLACE INTO account (" + k_life_columns +
          ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      "DELETE FROM account WHERE boot = ?1",
      "INSERT OR REPLACE INTO assignment (dps_host, id_scope, registration_id, hub, device_id, named_at, why)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  std::vector<Statement> statements;
  for (const std::string& text : texts) {
    auto statement = connection.prepare(text);
    if (!statement) return tl::unexpected(statement.error());
    statements.push_back(std::move(*statement));
  }
  auto inbox = Inbox::prepare(connection);
  if (!inbox) return tl::unexpected(inbox.error());
  return Tables{std::move(connection), std::move(statements), std::move(*inbox)};
}

SqliteResult<void> Tables::begin() { return Run(at(Begin)).finish(); }
SqliteResult<void> Tables::commit() { return Run(at(Commit)).finish(); }

void Tables::roll_back() {
  // After some errors SQLite has rolled back by itself. If this fails, so does the next BEGIN, which is told.
  if (connection_.in_transaction()) std::ignore = connection_.execute("ROLLBACK");
}

SqliteResult<void> Tables::insert(const Row& row) {
  const core::Telemetry& message = row.message;
  const std::string properties = encode(message.properties);
  return Run(at(Insert), message.sequence, message.boot, microseconds(message.created), microseconds(row.accepted.wall),
             std::int64_t{row.accepted.now.time_since_epoch().count()}, row.bytes, checksum_of(row, properties),
             std::string_view{message.message_id}, std::string_view{message.component}, Blob{properties},
             std::string_view{message.body})
      .finish();
}

SqliteResult<std::vector<Head>> Tables::heads(std::uint64_t after, std::size_t count) {
  std::vector<Head> heads;
  Run run(at(Heads), after, std::uint64_t{count});
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return heads;
    const core::Instant uptime{std::chrono::microseconds{run.integer(3)}};
    heads.push_back({run.count(0), run.count(1), {uptime, wall_time(run.integer(2))}, run.count(4)});
  }
}

SqliteResult<void> Tables::read(std::uint64_t after, const std::function<bool(Row&&)>& wanted) {
  Run run(at(Read), after);
  while (true) {
    const auto found = run.step();
    if (!found) return tl::unexpected(found.error());
    if (!*found) return {};
    auto row = read_row(run);
    if (!row) return damaged("message " + std::to_string(run.count(0)) + " is not what was written");
    if (!wanted(std::move(*row))) return {};
  }
}

SqliteResult<void> Tables::erase(std::uint64_t first, std::uint64_t last, const OnErased& erased) {
  Run run(at(Erase), first, last);
  return each_erased(run, erased);
}

SqliteResult<std::vector<std::pair<std::uint64_t, std::uint64_t>>> Tables::count_by_boot() {
  // Boots and numbers grow together, so that nothing need be sorted.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> counts;
  Run run(at(Boots));
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return counts;
    if (counts.empty() || counts.back().first != run.count(0)) counts.emplace_back(run.count(0), 0);
    ++counts.back().second;
  }
}

SqliteResult<void> Tables::keep(std::uint64_t first, std::uint64_t last, const std::string& hub,
                                core::WallTime delivered) {
  return Run(at(Keep), first, last, std::string_view{hub}, microseconds(delivered)).finish();
}

SqliteResult<std::vector<KeptHead>> Tables::kept_heads(std::uint64_t after, std::size_t count) {
  std::vector<KeptHead> heads;
  Run run(at(KeptHeads), after, std::uint64_t{count});
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return heads;
    heads.push_back({run.count(0), run.count(1), run.count(2), run.text(3), wall_time(run.integer(4))});
  }
}

SqliteResult<void> Tables::queue_again(std::uint64_t sequence) { return Run(at(QueueAgain), sequence).finish(); }

SqliteResult<void> Tables::erase_kept(std::uint64_t first, std::uint64_t last, const OnErased& erased) {
  Run run(at(EraseKept), first, last);
  return each_erased(run, erased);
}

SqliteResult<void> Tables::set_aside(std::uint64_t sequence, const std::string& why, core::WallTime when) {
  return Run(at(SetAside), sequence, std::string_view{why}, microseconds(when)).finish();
}

SqliteResult<Tables::Aside> Tables::aside() {
  auto statement = connection_.prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM quarantine");
  if (!statement) return tl::unexpected(statement.error());
  Run run(*statement);
  return run.step().map([&](bool /*row*/) { return Aside{run.count(0), run.count(1)}; });
}

SqliteResult<Tables::Aside> Tables::erase_oldest_aside() {
  Run run(at(EraseAside));
  const auto row = run.step();
  if (!row) return tl::unexpected(row.error());
  const Aside erased = *row ? Aside{1, run.count(0)} : Aside{};
  return run.finish().map([&] { return erased; });
}

SqliteResult<std::vector<Life>> Tables::lives() {
  auto statement = connection_.prepare("SELECT " + k_life_columns + " FROM account ORDER BY boot");
  if (!statement) return tl::unexpected(statement.error());
  std::vector<Life> lives;
  Run run(*statement);
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return lives;
    auto life = read_life(run);
    if (!life) return damaged("the account of boot " + std::to_string(run.count(0)) + " is not what was written");
    lives.push_back(*life);
  }
}

SqliteResult<void> Tables::put(const Life& life) {
  const LifeColumns columns = columns_of(life);
  return std::apply([&](auto... column) { return Run(at(PutLife), column..., checksum_of(columns)).finish(); },
                    columns);
}

SqliteResult<void> Tables::erase_life(std::uint64_t boot) { return Run(at(EraseLife), boot).finish(); }

SqliteResult<Tables::Identity> Tables::identity() {
  auto statement = connection_.prepare("SELECT id, numbers_above FROM spool");
  if (!statement) return tl::unexpected(statement.error());
  Run run(*statement);
  const auto row = run.step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || !is_id(run.text(0))) return damaged("it does not tell its id");
  return Identity{run.text(0), run.count(1)};
}

SqliteResult<RememberedHubs> Tables::assignments() {
  auto statement = connection_.prepare("SELECT " + std::string(k_assignment_columns) + " FROM assignment");
  if (!statement) return tl::unexpected(statement.error());
  RememberedHubs hubs;
  Run run(*statement);
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return hubs;
    hubs.push_back(read_assignment(run));
  }
}

SqliteResult<void> Tables::remember(const AssignmentKey& key, const core::Remembered& remembered) {
  return Run(at(Remember), std::string_view{key.dps_host}, std::string_view{key.id_scope},
             std::string_view{key.registration_id}, std::string_view{remembered.assignment.hub},
             std::string_view{remembered.assignment.device_id}, microseconds(remembered.named_at),
             std::string_view{remembered.why})
      .finish();
}

}  // namespace iotc_ha::spool
