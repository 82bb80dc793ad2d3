#pragma once

#include "inbox.hpp"
#include "row.hpp"
#include "sqlite.hpp"

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/spool/store.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::spool {

/// What must be known of a queued message to judge it.
struct Head {
  std::uint64_t sequence = 0;
  std::uint64_t boot = 0;
  Moment accepted;
  std::uint64_t bytes = 0;
};

/// The same of one that is kept for a replay.
struct KeptHead {
  std::uint64_t sequence = 0;
  std::uint64_t boot = 0;
  std::uint64_t bytes = 0;
  std::string hub;
  core::WallTime delivered;
};

/// A row that is gone.
struct Erased {
  std::uint64_t sequence = 0;
  std::uint64_t boot = 0;
  std::uint64_t bytes = 0;
};
using OnErased = std::function<SqliteResult<void>(const Erased&)>;

using RememberedHubs = std::vector<std::pair<AssignmentKey, core::Remembered>>;
void put_in(RememberedHubs& hubs, const AssignmentKey& key, const core::Remembered& remembered);
[[nodiscard]] std::optional<core::Remembered> find_in(const RememberedHubs& hubs, const AssignmentKey& key);

constexpr const char* k_assignment_columns = "dps_host, id_scope, registration_id, hub, device_id, named_at, why";
/// A row of them.
[[nodiscard]] std::pair<AssignmentKey, core::Remembered> read_assignment(const Run& run);

/// The statements of the schema, prepared once. Ranges of sequence numbers include both ends.
class Tables {
 public:
  static SqliteResult<Tables> prepare(Connection connection);

  [[nodiscard]] SqliteResult<void> begin();
  [[nodiscard]] SqliteResult<void> commit();
  void roll_back();  ///< does nothing when there is no transaction

  // ---- message: what is queued
  [[nodiscard]] SqliteResult<void> insert(const Row& row);
  /// At most `count` of those after number `after`, in order.
  [[nodiscard]] SqliteResult<std::vector<Head>> heads(std::uint64_t after, std::size_t count);
  /// Those after number `after`, in order, as long as `wanted` says so. One that is not what was written is an error
  /// that means damage.
  [[nodiscard]] SqliteResult<void> read(std::uint64_t after, const std::function<bool(Row&&)>& wanted);
  [[nodiscard]] SqliteResult<void> erase(std::uint64_t first, std::uint64_t last, const OnErased& erased);
  /// How many there are, one number a boot.
  [[nodiscard]] SqliteResult<std::vector<std::pair<std::uint64_t, std::uint64_t>>> count_by_boot();

  // ---- kept: what a hub has acknowledged, within the replay window
  [[nodiscard]] SqliteResult<void> keep(std::uint64_t first, std::uint64_t last, const std::string& hub,
                                        core::WallTime delivered);
  [[nodiscard]] SqliteResult<std::vector<KeptHead>> kept_heads(std::uint64_t after, std::size_t count);
  [[nodiscard]] SqliteResult<void> queue_again(std::uint64_t sequence);
  [[nodiscard]] SqliteResult<void> erase_kept(std::uint64_t first, std::uint64_t last, const OnErased& erased);

  // ---- quarantine: what the hub does not bear
  [[nodiscard]] SqliteResult<void> set_aside(std::uint64_t sequence, const std::string& why, core::WallTime when);
  struct Aside {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] SqliteResult<Aside> aside();
  [[nodiscard]] SqliteResult<Aside> erase_oldest_aside();  ///< answers what it was; nothing when there was none

  // ---- account, spool, assignment
  [[nodiscard]] SqliteResult<std::vector<Life>> lives();  ///< an error that means damage when one is not as written
  [[nodiscard]] SqliteResult<void> put(const Life& life);
  [[nodiscard]] SqliteResult<void> erase_life(std::uint64_t boot);
  struct Identity {
    std::string id;
    std::uint64_t numbers_above = 0;
  };
  [[nodiscard]] SqliteResult<Identity> identity();
  [[nodiscard]] SqliteResult<RememberedHubs> assignments();
  [[nodiscard]] SqliteResult<void> remember(const AssignmentKey& key, const core::Remembered& remembered);

  [[nodiscard]] Inbox& inbox() { return inbox_; }  ///< document, command, taken
  [[nodiscard]] Connection& connection() { return connection_; }

 private:
  enum Name : std::uint8_t {
    Begin,
    Commit,
    Insert,
    Heads,
    Read,
    Erase,
    Boots,
    Keep,
    KeptHeads,
    QueueAgain,
    EraseKept,
    SetAside,
    EraseAside,
    PutLife,
    EraseLife,
    Remember,
    k_names
  };
  Tables(Connection connection, std::vector<Statement> statements, Inbox inbox)
      : connection_(std::move(connection)), statements_(std::move(statements)), inbox_(std::move(inbox)) {}
  Statement& at(Name name) { return statements_[name]; }

  Connection connection_;
  std::vector<Statement> statements_;  ///< after the connection: they go first
  Inbox inbox_;
};

}  // namespace iotc_ha::spool
