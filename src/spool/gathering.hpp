#pragma once

#include "turn.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/spool/store.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::spool {

/// What has been told of messages that left and is not on disk yet.
struct Told {
  std::uint64_t acknowledged = 0;
  std::uint64_t set_aside = 0;
  std::uint64_t bytes = 0;

  Told& operator+=(const Told& more);
};

/// What the loop has asked for and no turn has taken yet, with those who wait for it.
struct Gathering {
  using Appended = std::function<void(core::Result<core::Sequences>)>;
  using Kept = std::function<void(core::Result<void>)>;
  using CommandTaken = std::function<void(core::Result<std::optional<std::uint64_t>>)>;
  using Counted = std::function<void(core::Result<std::vector<core::Account>>)>;

  bool release = false;
  std::vector<Acknowledged> acknowledged;
  std::uint64_t acknowledged_count = 0;
  Told told;
  std::vector<SetAside> set_aside;
  std::optional<Replay> replay;
  std::vector<Batch> appends;
  std::uint64_t append_bytes = 0;
  std::vector<Appended> appended;
  std::vector<std::pair<AssignmentKey, core::Remembered>> remember;
  std::vector<Kept> remembered;
  Documents keep;
  std::vector<Kept> kept;
  std::vector<std::uint64_t> complete;
  std::vector<Kept> completed;
  std::vector<core::DurableCommand> take;
  std::uint64_t take_bytes = 0;
  std::vector<CommandTaken> taken;
  std::vector<Counted> counted;
  std::vector<std::function<void()>> settled;

  /// One that follows the last, from the same hub, makes no new entry.
  void acknowledge(std::uint64_t sequence, const std::string& hub, core::WallTime when);
  /// Takes back from a turn what could not be written, before what has gathered since.
  void take_back(Turn& turn, const Told& told_of_turn);
  /// These wait for one turn more.
  void settle_later(std::vector<std::function<void()>>&& waiting);
};

}  // namespace iotc_ha::spool
