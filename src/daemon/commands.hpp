#pragma once

#include "settings.hpp"

#include <iotc_ha/bus/service.hpp>
#include <iotc_ha/core/claims.hpp>
#include <iotc_ha/core/command.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::daemon {

/// Direct methods and C2D messages, which programs call commands: each goes to the program that has claimed its name,
/// else to the sample device if it knows it. A direct method is answered in any case, once, within its session; a C2D
/// message is on disk before the hub is told, and stays there until a program has completed it. Loop thread.
class Commands {
 public:
  using Invoke = std::function<void(const core::Caller&, const core::Invocation&)>;
  Commands(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, spool::Store& store,
           const Settings& settings, Invoke invoke);

  void begin(std::vector<core::DurableCommand> waiting);  ///< of the store
  void forget_durables();                                 ///< they are another device's
  void settings_changed();
  void session_ended();  ///< also when there was none
  void on(const hub::MethodInvoked& notice);
  void on(const hub::CommandReceived& notice);

  // As in bus::Requests
  core::Result<void> claim(const core::Caller& caller, const std::vector<std::string>& names);
  void complete(const core::Caller& caller, std::uint64_t id, int status, const std::string& payload,
                bus::Answer<void> answer);
  void caller_left(const core::Caller& caller);

  static constexpr std::size_t k_methods_max = 100;  ///< that wait for their answer
  /// A hub waits for so long at most.
  static constexpr std::chrono::seconds k_method_limit{300};
  static constexpr std::size_t k_payload_max = std::size_t{128} * 1024;  ///< of an answer, as the hub takes it
  /// A hub keeps a C2D message for so long at most; after as long again with us it is of no use. Its own time may end
  /// earlier.
  static constexpr std::chrono::hours k_durable_age_max{48};
  /// After so many C2D messages in a row that the disk has refused, the next is taken in memory: the hub sends it in
  /// every session, each of which would be cut, and drops it after ten times.
  static constexpr unsigned k_refusals_max = 3;

 private:
  struct Answered {
    int status = 0;
    std::string json;
  };
  /// A direct method that a program was told of.
  struct Method {
    core::AttemptId attempt;
    std::string rid;
    std::string name;
    core::Caller caller;
    core::Instant until;
  };
  struct Durable {
    core::DurableCommand command;
    std::optional<core::Caller> caller;  ///< who was told of it
    bool is_ending = false;              ///< the disk is about to forget it
  };
  /// Why a number is not to be completed any more, and whose it was.
  struct Over {
    std::uint64_t id;
    core::Caller caller;
    core::Fault fault;
  };

  /// The numbers of what is not on disk: direct methods, and C2D messages that are only in memory.
  static constexpr std::uint64_t k_first_number = 1ULL << 62U;

  [[nodiscard]] static std::string shown(const std::string& name);
  [[nodiscard]] static std::string full_name(const core::DurableCommand& command);

  void answer(core::AttemptId attempt, const std::string& rid, Answered answered);
  [[nodiscard]] Answered answer_unclaimed(const std::string& name, const std::string& payload);
  void end_method(std::uint64_t id, core::Fault fault, std::optional<Answered> answered);
  void look_for_late_methods();
  void complete_method(const core::Caller& caller, std::uint64_t id, int status, std::string json,
                       const bus::Answer<void>& answer);

  void put_by(const core::DurableCommand& command, const std::shared_ptr<hub::Receipt>& receipt);
  using Taken = core::Result<std::optional<std::uint64_t>>;
  void taken(const core::DurableCommand& command, const Taken& id, const std::shared_ptr<hub::Receipt>& receipt);
  void make_room(const core::DurableCommand& command, const core::Error& full,
                 const std::shared_ptr<hub::Receipt>& receipt);
  void take_in_memory(core::DurableCommand command, const core::Error& refused, hub::Receipt& receipt);
  void add(core::DurableCommand command);
  void offer(std::uint64_t id);
  [[nodiscard]] bool is_over(const Durable& durable) const;
  void look_for_old_commands();
  void offer_all();
  void invoke(const core::Caller& caller, Durable& durable);
  void finish(std::uint64_t id, bus::Answer<void> answer);
  void finished(std::uint64_t id, const core::Result<void>& forgotten);
  void remember_over(std::uint64_t id, const core::Caller& caller, core::Fault fault);
  [[nodiscard]] core::Error refusal(const core::Caller& caller, std::uint64_t id) const;

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  hub::Sessions& sessions_;
  spool::Store& store_;
  const Settings& settings_;
  const Invoke invoke_;

  core::Claims claims_;
  std::uint64_t last_number_;                            ///< of a method, or a C2D message that is only in memory
  std::map<std::uint64_t, Method> methods_;              ///< by number, so the first is the oldest
  std::map<std::string, std::optional<Answered>> seen_;  ///< of this session, by $rid; nothing: under way
  std::deque<std::string> seen_order_;
  std::map<std::uint64_t, Durable> durables_;  ///< by number, so in their order
  std::deque<Over> over_;
  unsigned refusals_ = 0;  ///< of the disk, in a row
  std::unique_ptr<runtime::Loop::Timer> late_timer_;
  std::unique_ptr<runtime::Loop::Timer> age_timer_;
};

}  // namespace iotc_ha::daemon
