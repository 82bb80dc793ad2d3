#include "transaction.hpp"

#include <iotc_ha/core/telemetry.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace iotc_ha::spool {
namespace {

// Work that nobody waits for is done in pieces, so that a caller's message does not wait long.
constexpr std::size_t k_rows_at_once = 1000;
constexpr std::size_t k_victims_at_once = 64;
constexpr std::size_t k_lives_max = 1000;
constexpr std::uint64_t k_aside_max = 1000;
constexpr std::uint64_t k_aside_bytes_max = 16ULL << 20U;

/// Adds to the last entry if that is of the same reason: a listener wants to hear of a hundred messages once.
void tell(std::vector<core::Dropped>& dropped, const Erased& erased, core::Loss reason) {
  if (dropped.empty() || dropped.back().reason != reason || erased.sequence < dropped.back().first) {
    dropped.push_back({erased.sequence, erased.sequence, 0, reason});
  }
  dropped.back().last = std::max(dropped.back().last, erased.sequence);
  ++dropped.back().count;
}

void count(core::Account& account, core::Loss reason) {
  switch (reason) {
    case core::Loss::Full: ++account.dropped_full; break;
    case core::Loss::Expired: ++account.dropped_expired; break;
    case core::Loss::Damaged: ++account.dropped_damaged; break;
    case core::Loss::Quarantined: ++account.quarantined; break;
  }
}

}  // namespace

std::chrono::microseconds age_of(const Head& head, const Life& life, bool present_life, const Moment& now) {
  std::chrono::microseconds age = now.now - head.accepted.now;
  if (!present_life) {
    const core::WallTime accepted =
        life.clock ? core::WallTime{head.accepted.now.time_since_epoch() + *life.clock} : head.accepted.wall;
    age = now.wall - accepted;
  }
  return std::max(age, std::chrono::microseconds::zero());
}

SqliteResult<void> Transaction::write() {
  return acknowledge()
      .and_then([this] { return set_aside(); })
      .and_then([this] { return replay(); })
      .and_then([this] { return append(); })
      .and_then([this] { return drop_expired(); })
      .and_then([this] { return prune_kept(); })
      .and_then([this] { return remember(); })
      .and_then([this] { return keep_documents(); })
      .and_then([this] { return complete(); })
      .and_then([this] { return take(); })
      .and_then([this] { return save_lives(); });
}

Transaction::Found Transaction::found() && {
  return {
      std::move(appended_), std::move(taken_), std::move(dropped_), replay_goes_on_after_, left_, requeued_, aside_};
}

SqliteResult<Life*> Transaction::leave_queue(const Erased& erased) {
  Life* life = ledger_.change(erased.boot);
  if (life == nullptr || life->account.queued == 0 || life->queued_bytes < erased.bytes) {
    return damaged("message " + std::to_string(erased.sequence) + " is not in the account of its boot");
  }
  left_ = true;
  --life->account.queued;
  life->queued_bytes -= erased.bytes;
  return life;
}

SqliteResult<Life*> Transaction::leave_kept(const Erased& erased) {
  Life* life = ledger_.change(erased.boot);
  if (life == nullptr || life->kept == 0 || life->kept_bytes < erased.bytes) {
    return damaged("message " + std::to_string(erased.sequence) + " is not in the account of its boot");
  }
  --life->kept;
  life->kept_bytes -= erased.bytes;
  return life;
}

SqliteResult<void> Transaction::acknowledge() {
  const bool keep = turn_.limits.replay_window > std::chrono::seconds::zero();
  for (const Acknowledged& acknowledged : turn_.acknowledged) {
    if (keep) {
      auto kept = tables_.keep(acknowledged.first, acknowledged.last, acknowledged.hub, acknowledged.when);
      if (!kept) return kept;
    }
    auto erased = tables_.erase(acknowledged.first, acknowledged.last, [&](const Erased& row) {
      return leave_queue(row).map([&](Life* life) {
        ++life->account.delivered;
        life->kept += keep ? 1 : 0;
        life->kept_bytes += keep ? row.bytes : 0;
      });
    });
    if (!erased) return erased;
  }
  return {};
}

SqliteResult<void> Transaction::set_aside() {
  for (const SetAside& one : turn_.set_aside) {
    if (auto moved = tables_.set_aside(one.sequence, one.why, turn_.now.wall); !moved) return moved;
    auto erased = tables_.erase(one.sequence, one.sequence, [&](const Erased& row) {
      ++aside_.count;
      aside_.bytes += row.bytes;
      tell(dropped_, row, core::Loss::Quarantined);
      return leave_queue(row).map([](Life* life) { count(life->account, core::Loss::Quarantined); });
    });
    if (!erased) return erased;
  }
  while (aside_.count > k_aside_max || (aside_.bytes > k_aside_bytes_max && aside_.count > 1)) {
    const auto oldest = tables_.erase_oldest_aside();
    if (!oldest) return tl::unexpected(oldest.error());
    if (oldest->count == 0 || oldest->bytes > aside_.bytes) return damaged("the quarantined messages are not there");
    --aside_.count;
    aside_.bytes -= oldest->bytes;
  }
  return {};
}

SqliteResult<void> Transaction::replay() {
  if (!turn_.replay) return {};
  const auto heads = tables_.kept_heads(turn_.replay->after, k_rows_at_once);
  if (!heads) return tl::unexpected(heads.error());
  for (const KeptHead& head : *heads) {
    const bool of_another = head.hub != turn_.replay->hub;
    const bool within = turn_.now.wall - head.delivered <= turn_.limits.replay_window;
    if (!of_another && within) continue;
    if (within) {
      if (auto queued = tables_.queue_again(head.sequence); !queued) return queued;
      requeued_ = true;
    }
    auto erased = tables_.erase_kept(head.sequence, head.sequence, [&](const Erased& row) {
      return leave_kept(row).map([&](Life* life) {
        if (!within) return;
        --life->account.delivered;
        ++life->account.replayed;
        ++life->account.queued;
        life->queued_bytes += row.bytes;
      });
    });
    if (!erased) return erased;
  }
  if (heads->size() == k_rows_at_once) replay_goes_on_after_ = heads->back().sequence;
  return {};
}

SqliteResult<void> Transaction::append() {
  for (Batch& batch : turn_.appends) {
    if (auto done = append_one(batch); !done) return done;
  }
  return {};
}

SqliteResult<void> Transaction::append_one(Batch& batch) {
  std::uint64_t sequence = ledger_.present().last_sequence;
  std::uint64_t bytes = 0;
  for (auto& [row, ours] : batch) {
    row.message.sequence = ++sequence;
    row.message.boot = ledger_.present().account.boot;
    if (ours) row.message.message_id = frame_.spool_id + "-" + std::to_string(sequence);
    row.bytes = core::size_of(row.message);
    bytes += row.bytes;
  }
  const auto room = make_room(bytes);
  if (!room) return tl::unexpected(room.error());
  if (!*room) {
    const auto sums = ledger_.sums();
    appended_.push_back(core::fail(core::Fault::SpoolFull,
                                   std::to_string(bytes) + " bytes do not fit: " + std::to_string(sums.queued_bytes) +
                                       " of " + std::to_string(turn_.limits.bytes_max) + " bytes are taken" +
                                       (turn_.limits.drop_oldest ? " by messages that are on their way" : "")));
    return {};
  }
  for (const Incoming& incoming : batch) {
    if (auto inserted = tables_.insert(incoming.row); !inserted) return inserted;
  }
  Life& life = ledger_.change_present();
  life.account.accepted += batch.size();
  life.account.queued += batch.size();
  life.queued_bytes += bytes;
  life.last_sequence = sequence;
  appended_.emplace_back(core::Sequences{sequence - batch.size() + 1, sequence});
  return {};
}

SqliteResult<bool> Transaction::make_room(std::uint64_t bytes) {
  const std::uint64_t limit = turn_.limits.bytes_max;
  if (bytes > limit) return false;
  const Ledger::Sums sums = ledger_.sums();
  const std::uint64_t wanted = sums.queued_bytes + sums.kept_bytes + bytes;
  if (wanted <= limit) return true;
  const std::uint64_t excess = wanted - limit;
  if (excess > sums.kept_bytes && !turn_.limits.drop_oldest) return false;

  // Whether it can be done is found out before anything goes for it.
  std::uint64_t found = std::min(excess, sums.kept_bytes);
  std::uint64_t first = 0;
  std::uint64_t last = frame_.handed_out;
  while (found < excess) {
    const auto heads = tables_.heads(last, k_victims_at_once);
    if (!heads) return tl::unexpected(heads.error());
    if (heads->empty()) return false;
    for (const Head& head : *heads) {
      if (found >= excess) break;
      if (first == 0) first = head.sequence;
      last = head.sequence;
      found += head.bytes;
    }
  }
  auto done = drop_kept(std::min(excess, sums.kept_bytes));
  if (done && first != 0) done = drop(first, last, core::Loss::Full);
  return done.map([] { return true; });
}

SqliteResult<void> Transaction::drop_kept(std::uint64_t bytes) {
  std::uint64_t gone = 0;
  while (gone < bytes) {
    const auto heads = tables_.kept_heads(0, k_victims_at_once);
    if (!heads) return tl::unexpected(heads.error());
    if (heads->empty()) return damaged("messages that were kept for a replay are not there");
    std::uint64_t last = 0;
    for (const KeptHead& head : *heads) {
      if (gone >= bytes) break;
      last = head.sequence;
      gone += head.bytes;
    }
    auto erased =
        tables_.erase_kept(0, last, [&](const Erased& row) { return leave_kept(row).map([](Life* /*life*/) {}); });
    if (!erased) return erased;
  }
  return {};
}

SqliteResult<void> Transaction::drop(std::uint64_t first, std::uint64_t last, core::Loss reason) {
  return tables_.erase(first, last, [&](const Erased& row) {
    tell(dropped_, row, reason);
    return leave_queue(row).map([&](Life* life) { count(life->account, reason); });
  });
}

SqliteResult<void> Transaction::drop_expired() {
  std::uint64_t first = 0;
  std::uint64_t last = frame_.handed_out;
  // One row is looked at when nothing is to be done, which is nearly always.
  for (std::size_t count = 1; count <= k_rows_at_once; count *= k_rows_at_once) {
    const auto heads = tables_.heads(last, count);
    if (!heads) return tl::unexpected(heads.error());
    for (const Head& head : *heads) {
      const Life* life = ledger_.find(head.boot);
      if (life == nullptr) return damaged("message " + std::to_string(head.sequence) + " is of a boot without account");
      if (age_of(head, *life, life == &ledger_.present(), turn_.now) < turn_.limits.age_max) break;
      if (first == 0) first = head.sequence;
      last = head.sequence;
    }
    if (heads->empty() || last != heads->back().sequence) break;
  }
  if (first == 0) return {};
  return drop(first, last, core::Loss::Expired);
}

SqliteResult<void> Transaction::prune_kept() {
  if (ledger_.sums().kept_bytes == 0) return {};
  std::uint64_t last = 0;
  for (std::size_t count = 1; count <= k_rows_at_once; count *= k_rows_at_once) {
    const auto heads = tables_.kept_heads(last, count);
    if (!heads) return tl::unexpected(heads.error());
    for (const KeptHead& head : *heads) {
      if (turn_.now.wall - head.delivered <= turn_.limits.replay_window) break;
      last = head.sequence;
    }
    if (heads->empty() || last != heads->back().sequence) break;
  }
  if (last == 0) return {};
  return tables_.erase_kept(0, last, [&](const Erased& row) { return leave_kept(row).map([](Life* /*life*/) {}); });
}

SqliteResult<void> Transaction::remember() {
  for (const auto& [key, remembered] : turn_.remember) {
    if (auto kept = tables_.remember(key, remembered); !kept) return kept;
  }
  return {};
}

SqliteResult<void> Transaction::keep_documents() {
  for (const auto& [name, text] : turn_.keep) {
    auto kept = text.empty() ? tables_.inbox().erase(name) : tables_.inbox().put(Document{name, text});
    if (!kept) return kept;
  }
  return {};
}

SqliteResult<void> Transaction::complete() {
  for (const std::uint64_t id : turn_.complete) {
    if (auto completed = tables_.inbox().complete(id); !completed) return completed;
  }
  return {};
}

SqliteResult<void> Transaction::take() {
  for (core::DurableCommand& command : turn_.take) {
    auto answer = take_one(command);
    if (!answer) return tl::unexpected(answer.error());
    taken_.push_back(std::move(*answer));
  }
  return turn_.take.empty()
             ? SqliteResult<void>{}
             : tables_.inbox().forget(turn_.now.wall - Store::k_message_ids_age, Store::k_message_ids_max);
}

SqliteResult<core::Result<std::optional<std::uint64_t>>> Transaction::take_one(core::DurableCommand& command) {
  using Answer = core::Result<std::optional<std::uint64_t>>;
  Inbox& inbox = tables_.inbox();
  const auto known = inbox.was_taken(command.message_id, turn_.now.wall - Store::k_message_ids_age);
  if (!known) return tl::unexpected(known.error());
  if (*known) return Answer(std::nullopt);
  const auto waiting = inbox.waiting();
  if (!waiting) return tl::unexpected(waiting.error());
  if (waiting->count >= Store::k_commands_max) {
    return Answer(core::fail(core::Fault::SpoolFull, std::to_string(waiting->count) + " C2D messages wait already"));
  }
  if (waiting->bytes + size_of(command) > Store::k_commands_bytes_max) {
    return Answer(core::fail(core::Fault::SpoolFull, "C2D messages of " + std::to_string(waiting->bytes) +
                                                         " bytes wait already, and " +
                                                         std::to_string(size_of(command)) + " more would be above " +
                                                         std::to_string(Store::k_commands_bytes_max)));
  }
  const auto last = inbox.last_id();
  if (!last) return tl::unexpected(last.error());
  command.id = *last + 1;
  return inbox.put(command)
      .and_then([&] {
        return inbox.put(Taken{command.id, turn_.now.wall, command.message_id});
      })
      .map([&] { return Answer(command.id); });
}

SqliteResult<void> Transaction::save_lives() {
  ledger_.fold(k_lives_max);
  for (const std::uint64_t boot : ledger_.removed()) {
    if (auto erased = tables_.erase_life(boot); !erased) return erased;
  }
  const std::uint64_t present = ledger_.present().account.boot;
  if (ledger_.changed().contains(present)) {
    ledger_.change_present().clock = turn_.now.wall.time_since_epoch() - turn_.now.now.time_since_epoch();
  }
  for (const auto& [boot, life] : ledger_.changed()) {
    if (auto put = tables_.put(life); !put) return put;
  }
  return {};
}

}  // namespace iotc_ha::spool
