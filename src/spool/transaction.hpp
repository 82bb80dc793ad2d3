#pragma once

#include "ledger.hpp"
#include "tables.hpp"
#include "turn.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::spool {

/// What the writing part of a turn does, between BEGIN and COMMIT. It changes the ledger's draft and nothing else in
/// memory: what it found is the caller's to adopt when the transaction is on the disk.
class Transaction {
 public:
  struct Frame {
    const std::string& spool_id;
    std::uint64_t handed_out = 0;  ///< up to this number, messages may be on their way to a hub
    Tables::Aside aside;           ///< what is in quarantine
  };
  Transaction(Tables& tables, Ledger& ledger, const Frame& frame, Turn& turn)
      : tables_(tables), ledger_(ledger), frame_(frame), turn_(turn), aside_(frame.aside) {}

  /// All of the turn. The rows of Turn::appends have their numbers and ids then.
  [[nodiscard]] SqliteResult<void> write();

  struct Found {
    std::vector<core::Result<core::Sequences>> appended;
    std::vector<core::Result<std::optional<std::uint64_t>>> taken;
    std::vector<core::Dropped> dropped;
    std::optional<std::uint64_t> replay_goes_on_after;
    bool left = false;      ///< something that was queued is not any more
    bool requeued = false;  ///< something that had been delivered is queued
    Tables::Aside aside;
  };
  [[nodiscard]] Found found() &&;

 private:
  SqliteResult<void> acknowledge();
  SqliteResult<void> set_aside();
  SqliteResult<void> replay();
  SqliteResult<void> append();
  SqliteResult<void> append_one(Batch& batch);
  SqliteResult<bool> make_room(std::uint64_t bytes);
  SqliteResult<void> drop_kept(std::uint64_t bytes);
  SqliteResult<void> drop_expired();
  SqliteResult<void> prune_kept();
  SqliteResult<void> remember();
  SqliteResult<void> keep_documents();
  SqliteResult<void> complete();
  SqliteResult<void> take();
  SqliteResult<core::Result<std::optional<std::uint64_t>>> take_one(core::DurableCommand& command);
  SqliteResult<void> save_lives();

  SqliteResult<void> drop(std::uint64_t first, std::uint64_t last, core::Loss reason);
  /// Takes a message out of its life's queue, or out of what is kept of it.
  SqliteResult<Life*> leave_queue(const Erased& erased);
  SqliteResult<Life*> leave_kept(const Erased& erased);

  Tables& tables_;
  Ledger& ledger_;
  const Frame& frame_;
  Turn& turn_;
  std::vector<core::Result<core::Sequences>> appended_;
  std::vector<core::Result<std::optional<std::uint64_t>>> taken_;
  std::vector<core::Dropped> dropped_;
  std::optional<std::uint64_t> replay_goes_on_after_;
  bool left_ = false;
  bool requeued_ = false;
  Tables::Aside aside_;
};

/// How old a queued message is; `life` is the one that accepted it. Zero when that cannot be told.
[[nodiscard]] std::chrono::microseconds age_of(const Head& head, const Life& life, bool present_life,
                                               const Moment& now);

}  // namespace iotc_ha::spool
