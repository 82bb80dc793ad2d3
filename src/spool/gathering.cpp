#include "gathering.hpp"

#include <iterator>
#include <utility>

namespace iotc_ha::spool {
namespace {

template <typename T>
void put_before(std::vector<T>&& earlier, std::vector<T>& later) {
  std::move(later.begin(), later.end(), std::back_inserter(earlier));
  later = std::move(earlier);
}

}  // namespace

Told& Told::operator+=(const Told& more) {
  acknowledged += more.acknowledged;
  set_aside += more.set_aside;
  bytes += more.bytes;
  return *this;
}

void Gathering::acknowledge(std::uint64_t sequence, const std::string& hub, core::WallTime when) {
  ++acknowledged_count;
  if (!acknowledged.empty() && acknowledged.back().last + 1 == sequence && acknowledged.back().hub == hub) {
    acknowledged.back().last = sequence;
    acknowledged.back().when = when;
  } else {
    acknowledged.push_back({sequence, sequence, hub, when});
  }
}

void Gathering::take_back(Turn& turn, const Told& told_of_turn) {
  for (const Acknowledged& range : turn.acknowledged) acknowledged_count += range.count();
  put_before(std::move(turn.acknowledged), acknowledged);
  put_before(std::move(turn.set_aside), set_aside);
  if (!replay) replay = std::move(turn.replay);
  told += told_of_turn;
}

void Gathering::settle_later(std::vector<std::function<void()>>&& waiting) { put_before(std::move(waiting), settled); }

}  // namespace iotc_ha::spool
