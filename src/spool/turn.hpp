#pragma once

#include "inbox.hpp"
#include "row.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/spool/store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What the loop asks of the worker at a time, and what it hears.
namespace iotc_ha::spool {

/// A message that is to be accepted: its number, and its id when that is `ours`, are given in the transaction.
struct Incoming {
  Row row;
  bool ours = false;
};
using Batch = std::vector<Incoming>;

/// Numbers that a hub has acknowledged; both ends belong to it, and each number between.
struct Acknowledged {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string hub;
  core::WallTime when{};

  [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
};

struct SetAside {
  std::uint64_t sequence = 0;
  std::string why;
};

/// What was kept from other hubs than `hub` is queued again, after number `after`: it is done in steps.
struct Replay {
  std::string hub;
  std::uint64_t after = 0;
};

struct Question {
  std::uint64_t after = 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
};

/// Done in this order, all that is written in one transaction.
struct Turn {
  Limits limits;
  Moment now;
  bool release = false;
  bool write = false;  ///< else there is nothing between here and `question`
  std::vector<Acknowledged> acknowledged;
  std::vector<SetAside> set_aside;
  std::optional<Replay> replay;
  std::vector<Batch> appends;
  std::vector<std::pair<AssignmentKey, core::Remembered>> remember;
  Documents keep;  ///< by name; "": to be taken away
  std::vector<std::uint64_t> complete;
  std::vector<core::DurableCommand> take;
  std::optional<Question> question;
  bool accounts = false;

  [[nodiscard]] bool has_something_to_write() const {
    return !acknowledged.empty() || !set_aside.empty() || replay || !appends.empty() || !remember.empty() ||
           !keep.empty() || !complete.empty() || !take.empty();
  }
};

/// A message for the hub, and what it counts for.
struct HandedOut {
  core::Telemetry message;
  std::uint64_t bytes = 0;
};

/// How the queue stands after a turn.
struct Standing {
  core::SpoolFigures figures;
  std::uint64_t first_queued = 0;  ///< 0: none
  std::uint64_t last_sequence = 0;
  std::optional<std::chrono::microseconds> next_look;  ///< after which time something may be too old
};

struct Outcome {
  std::optional<core::Error> write_failed;  ///< nothing of the turn was written
  std::optional<core::Error> read_failed;
  std::vector<core::Result<core::Sequences>> appended;  ///< one for each of Turn::appends, unless write_failed
  std::vector<core::Result<std::optional<std::uint64_t>>> taken;  ///< likewise for Turn::take
  std::optional<std::uint64_t> replay_goes_on_after;
  std::vector<core::Dropped> dropped;
  std::vector<core::Error> notes;  ///< for the journal
  std::vector<HandedOut> answer;   ///< to Turn::question; empty: there are none
  core::Result<std::vector<core::Account>> accounts;
  Standing standing;
};

}  // namespace iotc_ha::spool
