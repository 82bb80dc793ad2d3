#include "rescue.hpp"

#include <deque>

namespace iotc_ha::spool {
namespace {

constexpr std::uint64_t k_highest = INT64_MAX;  // that a row can have
// A page holds more rows than this unless they are long: halving further would ask for the same bad page again.
constexpr std::uint64_t k_narrow = 4;
constexpr unsigned k_probes_max = 20'000;
// One after the other, each at another place: what is left is one bad part.
constexpr unsigned k_probes_in_vain_max = 500;
// Where the account does not tell the last number: how far above what was read it may be.
constexpr std::uint64_t k_reach = 1ULL << 22U;

}  // namespace

std::vector<Gap> Rescue::run(std::uint64_t before) {
  Gap all{0, before == 0 ? k_highest : before};
  const End forwards = read(all, false);
  if (forwards == End::Reached) return std::move(lost_);
  if (read(all, true) == End::Reached) return std::move(lost_);
  if (all.before == k_highest) all.before = all.after + k_reach;

  std::deque<Gap> gaps{all};
  unsigned in_vain = 0;
  while (!gaps.empty()) {
    const Gap gap = gaps.front();
    gaps.pop_front();
    if (gap.before - gap.after <= 1) continue;
    if (gap.before - gap.after <= k_narrow || probes_ >= k_probes_max || in_vain > k_probes_in_vain_max ||
        out_of_time_ || stopped_) {
      lost_.push_back(gap);
      continue;
    }
    ++probes_;
    const std::uint64_t middle = gap.after + (gap.before - gap.after) / 2;
    Gap upper{middle - 1, gap.before};
    const End up = read(upper, false);
    if (up == End::Stuck) gaps.push_back(upper);
    Gap lower{gap.after, middle};
    const End down = read(lower, true);
    if (down == End::Stuck) gaps.push_back(lower);
    const bool moved = upper.after != middle - 1 || lower.before != middle;
    in_vain = moved || up == End::Reached || down == End::Reached ? 0 : in_vain + 1;
  }
  return std::move(lost_);
}

Rescue::End Rescue::read(Gap& gap, bool backwards) {
  auto statement = connection_.prepare("SELECT " + columns_ + " FROM " + table_ + " WHERE " + key_ + " > ?1 AND " +
                                       key_ + " < ?2 ORDER BY " + key_ + (backwards ? " DESC" : ""));
  stopped_ = stopped_ || !statement;  // not even the schema can be read
  if (stopped_) return End::Stuck;
  Run run(*statement, gap.after, gap.before);
  while (true) {
    if (limit_.over()) out_of_time_ = true;
    if (out_of_time_ || stopped_) return End::Stuck;
    const auto found = run.step();
    if (!found) return End::Stuck;
    if (!*found) return End::Reached;
    const std::uint64_t key = run.count(0);
    if (key <= gap.after || key >= gap.before) return End::Stuck;  // the tree is not in order
    switch (take_(run)) {
      case Verdict::Taken: break;
      case Verdict::Damaged: lost_.push_back({key - 1, key + 1}); break;
      case Verdict::Stop: stopped_ = true; return End::Stuck;
    }
    (backwards ? gap.before : gap.after) = key;
  }
}

}  // namespace iotc_ha::spool
