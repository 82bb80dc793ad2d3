#include "ledger.hpp"

#include <iterator>

namespace iotc_ha::spool {
namespace {

void add(Ledger::Sums& sums, const Life& life) {
  sums.queued += life.account.queued;
  sums.queued_bytes += life.queued_bytes;
  sums.kept_bytes += life.kept_bytes;
  sums.accepted += life.account.accepted;
  sums.delivered += life.account.delivered;
  sums.dropped += life.account.dropped();
  sums.quarantined += life.account.quarantined;
}

/// What is subtracted was added before; unsigned numbers wrap, and wrap back.
void subtract(Ledger::Sums& sums, const Life& life) {
  sums.queued -= life.account.queued;
  sums.queued_bytes -= life.queued_bytes;
  sums.kept_bytes -= life.kept_bytes;
  sums.accepted -= life.account.accepted;
  sums.delivered -= life.account.delivered;
  sums.dropped -= life.account.dropped();
  sums.quarantined -= life.account.quarantined;
}

bool settled(const Life& life) { return life.account.queued == 0 && life.kept == 0; }

/// `later`, with what `earlier` came to.
Life sum_of(const Life& earlier, const Life& later) {
  Life sum = later;
  sum.account.started = earlier.account.started;
  sum.account.accepted += earlier.account.accepted;
  sum.account.delivered += earlier.account.delivered;
  sum.account.dropped_full += earlier.account.dropped_full;
  sum.account.dropped_expired += earlier.account.dropped_expired;
  sum.account.dropped_damaged += earlier.account.dropped_damaged;
  sum.account.quarantined += earlier.account.quarantined;
  sum.account.replayed += earlier.account.replayed;
  sum.account.lives += earlier.account.lives;
  return sum;
}

}  // namespace

Ledger::Ledger(const std::vector<Life>& past, const Life& present) : present_boot_(present.account.boot) {
  for (const Life& life : past) lives_.emplace(life.account.boot, life);
  lives_.emplace(present_boot_, present);
  for (const auto& [boot, life] : lives_) add(sums_, life);
}

Ledger::Sums Ledger::sums() const {
  Sums sums = sums_;
  for (const auto& [boot, life] : draft_) {
    subtract(sums, lives_.at(boot));
    add(sums, life);
  }
  for (const std::uint64_t boot : removed_) subtract(sums, lives_.at(boot));
  return sums;
}

const Life* Ledger::find(std::uint64_t boot) const {
  if (const auto drafted = draft_.find(boot); drafted != draft_.end()) return &drafted->second;
  const auto found = lives_.find(boot);
  return found == lives_.end() || removed_.contains(boot) ? nullptr : &found->second;
}

std::vector<Life> Ledger::lives() const {
  std::vector<Life> lives;
  for (const auto& [boot, life] : lives_) {
    if (const Life* now = find(boot)) lives.push_back(*now);
  }
  return lives;
}

Life* Ledger::change(std::uint64_t boot) {
  if (const auto drafted = draft_.find(boot); drafted != draft_.end()) return &drafted->second;
  const Life* found = find(boot);
  return found == nullptr ? nullptr : &draft_.emplace(boot, *found).first->second;
}

void Ledger::fold(std::size_t count) {
  std::optional<std::uint64_t> earlier;
  for (auto life = lives_.begin(); life != lives_.end() && lives_.size() - removed_.size() > count; ++life) {
    const std::uint64_t boot = life->first;
    if (boot == present_boot_ || !settled(*find(boot))) continue;
    if (earlier) {
      draft_.insert_or_assign(boot, sum_of(*find(*earlier), *find(boot)));
      draft_.erase(*earlier);
      removed_.insert(*earlier);
    }
    earlier = boot;
  }
}

void Ledger::keep_draft() {
  sums_ = sums();
  for (const auto& [boot, life] : draft_) lives_.at(boot) = life;
  for (const std::uint64_t boot : removed_) lives_.erase(boot);
  drop_draft();
}

void Ledger::drop_draft() {
  draft_.clear();
  removed_.clear();
}

}  // namespace iotc_ha::spool
