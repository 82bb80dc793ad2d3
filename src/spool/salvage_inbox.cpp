#include "salvage_inbox.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace iotc_ha::spool {
namespace {

class Copy {
 public:
  Copy(Connection& damaged, Inbox& inbox, const TimeLimit& limit) : damaged_(damaged), inbox_(inbox), limit_(limit) {}

  /// False when not all of the table could be read.
  template <typename Read>
  bool table(const std::string& name, const std::string& columns, const Read& read) {
    Rescue rescue(damaged_, name, "id", columns, limit_, [&](const Run& run) {
      const auto row = read(run);
      if (!row) return Rescue::Verdict::Damaged;
      if (auto put = inbox_.put(*row); !put) {
        failed_ = put.error();
        return Rescue::Verdict::Stop;
      }
      return Rescue::Verdict::Taken;
    });
    return rescue.run(0).empty() && !rescue.out_of_time();
  }
  [[nodiscard]] const std::optional<SqliteError>& failed() const { return failed_; }

 private:
  Connection& damaged_;
  Inbox& inbox_;
  const TimeLimit& limit_;
  std::optional<SqliteError> failed_;  // of the fresh one
};

SqliteResult<void> put_all(Inbox& inbox, const Documents& documents) {
  for (const auto& [name, text] : documents) {
    if (auto put = inbox.put(Document{name, text}); !put) return put;
  }
  return {};
}

/// What is known of the messages that wait, when the ids cannot all be read.
SqliteResult<void> put_ids_of_commands(Inbox& inbox, core::WallTime now) {
  const auto commands = inbox.commands();
  if (!commands) return tl::unexpected(commands.error());
  for (const core::DurableCommand& command : *commands) {
    if (auto put = inbox.put(Taken{command.id, now, command.message_id}); !put) return put;
  }
  return {};
}

/// Which ids were used is not known. They go on far above: no device has counted up to microseconds since 1970.
SqliteResult<void> leave_a_gap(Inbox& inbox, core::WallTime now) {
  const auto since_1970 = static_cast<std::uint64_t>(std::max<std::int64_t>(now.time_since_epoch().count(), 0));
  return inbox.last_id().and_then([&](std::uint64_t last) {
    return inbox.put(Taken{std::max(last + 1, since_1970), now, {}});
  });
}

/// Databases of the versions before have no such tables. What cannot be asked may have them.
bool has_no_inbox(Connection& damaged) {
  const auto tables = damaged.query_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'document'");
  return tables && *tables == 0;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

SqliteResult<std::string> salvage_inbox(Connection& damaged, Connection& fresh, const InboxSalvage& circumstances) {
  auto inbox = Inbox::prepare(fresh);
  if (!inbox) return tl::unexpected(inbox.error());
  SqliteResult<void> done;
  if (circumstances.known != nullptr) done = put_all(*inbox, *circumstances.known);
  if (!done) return tl::unexpected(done.error());
  if (has_no_inbox(damaged)) return std::string{};
  Copy copy(damaged, *inbox, circumstances.limit);
  std::vector<std::string> lost;
  if (circumstances.known == nullptr && !copy.table("document", k_document_columns, read_document)) {
    lost.emplace_back("documents");
  }
  if (!copy.table("command", k_command_columns, read_command)) lost.emplace_back("C2D messages");
  const bool all_ids = copy.table("taken", k_taken_columns, read_taken);
  if (!all_ids) lost.emplace_back("ids of C2D messages");
  if (copy.failed()) return tl::unexpected(*copy.failed());
  if (!all_ids) done = put_ids_of_commands(*inbox, circumstances.now.wall);
  if (done && (!all_ids || circumstances.end_lost)) done = leave_a_gap(*inbox, circumstances.now.wall);
  return done.map([&] { return listed(lost); });
}

}  // namespace iotc_ha::spool
