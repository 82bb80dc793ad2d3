#include "salvage.hpp"

#include "first_page.hpp"
#include "rescue.hpp"
#include "salvage_inbox.hpp"
#include "schema.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;

// Well below what the watchdog takes for a disk that does not answer (a minute): the last rows are on their way then.
constexpr std::chrono::seconds k_salvage_time{30};
constexpr unsigned k_rows_in_a_transaction = 5000;

/// What was found of one boot.
struct Rows {
  std::uint64_t queued = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t kept = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t aside = 0;
  core::WallTime first{};
};

class Salvage {
 public:
  Salvage(Connection damaged, Connection fresh, const std::optional<Content>& known, bool end_lost,
          const TimeLimit::Clock& clock)
      : damaged_(std::move(damaged)), fresh_(std::move(fresh)), known_(known), limit_(k_salvage_time, clock) {
    salvaged_.lost_is_known = !end_lost;
  }

  SqliteResult<Salvaged> run(const Moment& now);

 private:
  Content read_content(const Moment& now);
  template <typename Each>
  bool read_all(const std::string& sql, const Each& each);
  std::vector<Gap> copy(const std::string& table, const std::string& more, std::uint64_t before,
                        const std::function<void(Rows&, const Row&)>& count);
  SqliteResult<void> insert(Statement& statement, const Row& row, const Run& columns, bool more);
  SqliteResult<void> save(const Content& content);
  void account_for(Content& content, const std::vector<Gap>& gaps);
  std::uint64_t settle(Life& life, const Rows& rows) const;

  Connection damaged_;
  Connection fresh_;
  const std::optional<Content>& known_;
  const TimeLimit limit_;
  std::map<std::uint64_t, Rows> boots_;
  std::uint64_t highest_ = 0;
  unsigned uncommitted_ = 0;
  std::optional<SqliteError> failed_;  // of the fresh one
  Salvaged salvaged_;
};

template <typename Each>
bool Salvage::read_all(const std::string& sql, const Each& each) {
  auto statement = damaged_.prepare(sql);
  if (!statement) return false;
  Run run(*statement);
  while (true) {
    const auto row = run.step();
    if (!row) return false;
    if (!*row) return true;
    if (!each(run)) return false;
  }
}

Content Salvage::read_content(const Moment& now) {
  if (known_) return *known_;
  Content content;
  content.identity = {random_id(), 0};
  const bool id_read = read_all("SELECT id, numbers_above FROM spool", [&](const Run& run) {
    if (is_id(run.text(0))) content.identity = {run.text(0), run.count(1)};
    return true;
  });
  const std::string lives = "SELECT " + k_life_columns + " FROM account ORDER BY boot";
  salvaged_.lost_is_known = salvaged_.lost_is_known && id_read;
  // From either end, up to what is damaged; where nothing is, the second time finds nothing new.
  for (const char* order : {"", " DESC"}) {
    const bool all = read_all(lives + order, [&](const Run& run) {
      const auto life = read_life(run);
      if (!life) return false;
      const auto same = [&](const Life& other) { return other.account.boot == life->account.boot; };
      if (std::none_of(content.lives.begin(), content.lives.end(), same)) content.lives.push_back(*life);
      return true;
    });
    salvaged_.lost_is_known = salvaged_.lost_is_known && all;
  }
  // A file of an older version has no more than the first five columns.
  const std::string older = "dps_host, id_scope, registration_id, hub, device_id, 0, ''";
  for (const std::string& columns : {std::string(k_assignment_columns), older}) {
    if (!content.remembered.empty()) break;
    read_all("SELECT " + columns + " FROM assignment", [&](const Run& run) {
      content.remembered.push_back(read_assignment(run));
      return true;
    });
  }
  if (!salvaged_.lost_is_known) {
    // Which numbers were used is not known. None is used twice if they go on far above: microseconds since 1970 are
    // above what any device has counted up to.
    const auto since_1970 = static_cast<std::uint64_t>(std::max<std::int64_t>(now.wall.time_since_epoch().count(), 0));
    content.identity.numbers_above = std::max(content.identity.numbers_above, since_1970);
  }
  return content;
}

SqliteResult<void> Salvage::insert(Statement& statement, const Row& row, const Run& columns, bool more) {
  const core::Telemetry& message = row.message;
  const std::string properties = encode(message.properties);
  const std::string last = more ? columns.text(k_row_width) : std::string{};
  const auto common = [&](const auto&... extra) {
    return Run(statement, message.sequence, message.boot, std::int64_t{message.created.time_since_epoch().count()},
               std::int64_t{row.accepted.wall.time_since_epoch().count()},
               std::int64_t{row.accepted.now.time_since_epoch().count()}, row.bytes, checksum_of(row, properties),
               std::string_view{message.message_id}, std::string_view{message.component}, Blob{properties},
               std::string_view{message.body}, extra...)
        .finish();
  };
  auto done = more ? common(std::string_view{last}, columns.integer(k_row_width + 1)) : common();
  if (done && ++uncommitted_ >= k_rows_in_a_transaction) {
    uncommitted_ = 0;
    done = fresh_.execute("COMMIT; BEGIN");
  }
  return done;
}

std::vector<Gap> Salvage::copy(const std::string& table, const std::string& more, std::uint64_t before,
                               const std::function<void(Rows&, const Row&)>& count) {
  const std::string columns = k_row_columns + more;
  const bool has_more = !more.empty();
  auto statement =
      fresh_.prepare("INSERT INTO " + table + " (" + columns +
                     ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11" + (has_more ? ", ?12, ?13)" : ")"));
  if (!statement) {
    failed_ = statement.error();
    return {};
  }
  Rescue rescue(damaged_, table, "sequence", columns, limit_, [&](const Run& run) {
    const auto row = read_row(run);
    if (!row) return Rescue::Verdict::Damaged;
    if (auto inserted = insert(*statement, *row, run, has_more); !inserted) {
      failed_ = inserted.error();
      return Rescue::Verdict::Stop;
    }
    Rows& rows = boots_[row->message.boot];
    const bool first = rows.queued + rows.kept + rows.aside == 0;
    rows.first = first ? row->accepted.wall : std::min(rows.first, row->accepted.wall);
    count(rows, *row);
    highest_ = std::max(highest_, row->message.sequence);
    return Rescue::Verdict::Taken;
  });
  auto gaps = rescue.run(before);
  if (rescue.out_of_time()) {
    salvaged_.stopped_by = "it took longer than " + std::to_string(k_salvage_time.count()) + " s";
  }
  return gaps;
}

/// Brings a life in line with the rows that are there; answers how many are not.
std::uint64_t Salvage::settle(Life& life, const Rows& rows) const {
  const std::uint64_t lost = life.account.queued > rows.queued ? life.account.queued - rows.queued : 0;
  // More than the account says: it is older than the rows.
  life.account.accepted += rows.queued > life.account.queued ? rows.queued - life.account.queued : 0;
  life.account.dropped_damaged += lost;
  life.account.queued = rows.queued;
  life.queued_bytes = rows.queued_bytes;
  life.kept = rows.kept;
  life.kept_bytes = rows.kept_bytes;
  return lost;
}

void Salvage::account_for(Content& content, const std::vector<Gap>& gaps) {
  std::uint64_t last = content.identity.numbers_above;
  for (Life& life : content.lives) {
    salvaged_.lost += settle(life, boots_[life.account.boot]);
    last = std::max(last, life.last_sequence);
    boots_.erase(life.account.boot);
  }
  for (const auto& [boot, rows] : boots_) {
    Life life;
    life.account.boot = boot;
    life.account.started = rows.first;
    life.account.delivered = rows.kept;
    life.account.quarantined = rows.aside;
    life.account.accepted = rows.kept + rows.aside;
    settle(life, rows);
    life.last_sequence = highest_;
    content.lives.push_back(life);
    salvaged_.lost_is_known = false;
  }
  std::sort(content.lives.begin(), content.lives.end(),
            [](const Life& one, const Life& other) { return one.account.boot < other.account.boot; });
  if (salvaged_.lost == 0) return;
  core::Dropped dropped{1, last, salvaged_.lost, core::Loss::Damaged};
  if (!gaps.empty()) {
    dropped.first = last;
    dropped.last = 1;
    for (const Gap& gap : gaps) {
      dropped.first = std::min(dropped.first, gap.after + 1);
      dropped.last = std::max(dropped.last, std::min(gap.before - 1, last));
    }
  }
  salvaged_.dropped.push_back(dropped);
}

SqliteResult<void> Salvage::save(const Content& content) {
  const std::uint64_t above = std::max(content.identity.numbers_above, highest_);
  auto set = fresh_.execute("UPDATE spool SET id = '" + content.identity.id +
                            "', numbers_above = " + std::to_string(above) + "; COMMIT");
  if (!set) return set;
  auto tables = Tables::prepare(std::move(fresh_));
  if (!tables) return tl::unexpected(tables.error());
  auto done = tables->begin();
  for (const Life& life : content.lives) {
    if (done && life.account.accepted > 0) done = tables->put(life);
  }
  for (const auto& [key, remembered] : content.remembered) {
    if (done) done = tables->remember(key, remembered);
  }
  return done ? tables->commit() : done;
}

SqliteResult<Salvaged> Salvage::run(const Moment& now) {
  Content content = read_content(now);
  std::uint64_t before = 0;
  if (salvaged_.lost_is_known) {
    before = content.identity.numbers_above + 1;
    for (const Life& life : content.lives) before = std::max(before, life.last_sequence + 1);
  }
  // First what is small and precious: a long queue may take all of the time.
  const bool end_lost = !known_ && !salvaged_.lost_is_known;
  auto inbox = salvage_inbox(damaged_, fresh_, {limit_, known_ ? &known_->documents : nullptr, end_lost, now});
  if (!inbox) return tl::unexpected(inbox.error());
  salvaged_.also_lost = std::move(*inbox);
  const auto gaps = copy("message", "", before, [this](Rows& rows, const Row& row) {
    ++rows.queued;
    rows.queued_bytes += row.bytes;
    ++salvaged_.recovered;
  });
  if (!failed_) {
    copy("kept", ", hub, delivered", before, [](Rows& rows, const Row& row) {
      ++rows.kept;
      rows.kept_bytes += row.bytes;
    });
  }
  if (!failed_) copy("quarantine", ", why, at", before, [](Rows& rows, const Row& /*row*/) { ++rows.aside; });
  if (failed_) return tl::unexpected(*failed_);
  account_for(content, gaps);
  return save(content).map([this] { return std::move(salvaged_); });
}

std::error_code make_empty(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return {errno, std::generic_category()};
  ::close(fd);
  return {};
}

SqliteResult<Connection> open_damaged(const fs::path& file) {
  auto connection = Connection::open(file);
  if (!connection) return connection;
  auto set = connection->checkpoint_on_close(false);
  // The size that the header tells is not believed; else nothing could be read of a file that was cut short.
  if (set) {
    set = connection->execute(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON");
  }
  if (!set) return tl::unexpected(set.error());
  return connection;
}

bool tells_its_tables(Connection& connection) {
  constexpr std::int64_t k_tables = 6;
  const auto tables = connection.query_integer(
      "SELECT count(*) FROM sqlite_schema WHERE name IN"
      " ('assignment', 'spool', 'account', 'message', 'kept', 'quarantine')");
  return tables && *tables == k_tables;
}

}  // namespace

core::Result<Salvaged> salvage(const fs::path& damaged, const fs::path& fresh, const std::optional<Content>& known,
                               bool end_lost, const Moment& now, const TimeLimit::Clock& clock) {
  const auto failed = [&](const std::string& what) {
    return core::fail(core::Fault::StorageFailed, fresh.string() + " cannot be written: " + what);
  };
  if (const auto error = make_empty(fresh)) return failed(error.message());
  auto target = Connection::open(fresh);
  if (!target) return failed(target.error().what);
  auto ready = make_schema(*target, 0, random_id(), 0);
  // Nobody uses the file before it is complete and on the disk, so that no journal need guard it. If there is no room
  // for it, all stays as it was: better no new message for a while than the loss of those that could be read. Each
  // commit waits for the disk all the same, so that the time that it takes is noticed.
  if (ready) ready = target->execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL; BEGIN");
  if (!ready) return failed(ready.error().what);

  const fs::path copy = fresh.string() + ".copy";
  auto source = open_damaged(damaged);
  if (!source || !tells_its_tables(*source)) {
    if (const auto error = copy_with_first_page_of(fresh, damaged, copy)) return failed(error.message());
    source = open_damaged(copy);
  }
  if (!source) {
    remove_copy(copy);
    return core::fail(core::Fault::StorageFailed, damaged.string() + " cannot be read: " + source.error().what);
  }
  auto done = Salvage(std::move(*source), std::move(*target), known, end_lost, clock).run(now);
  remove_copy(copy);
  if (!done) return failed(done.error().what);
  return std::move(*done);
}

}  // namespace iotc_ha::spool
