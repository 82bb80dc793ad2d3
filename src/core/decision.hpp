#pragma once

#include <iotc_ha/core/supervisor.hpp>

#include <string>
#include <utility>

/// One step in the making: the supervisor as it will be and the effects so far. The functions here are the moves that
/// several states make; which of them is made when is supervisor.cpp's. Private to the room.
namespace iotc_ha::core {

class Decision {
 public:
  Decision(Supervisor supervisor, const Context& context) : next_(std::move(supervisor)), context_(context) {}

  [[nodiscard]] const Context& context() const { return context_; }
  [[nodiscard]] Memory& memory() { return next_.memory; }
  [[nodiscard]] Step take() && { return {std::move(next_), std::move(effects_)}; }
  void add(Effect effect) { effects_.push_back(std::move(effect)); }

  // Moves. Each enters a state, asks for what the state needs, and announces it.
  // `why` is the first half of the line: what has happened. The move adds what comes next.
  void ask_dps_for_the_first_time(const std::string& why);  ///< -> Provisioning
  void ask_dps_again(const std::string& why, std::string avoid, const std::optional<Error>& cause);  ///< -> Reprovision
  void try_remembered(const std::string& why, const Assignment& target, const std::optional<Error>& cause);
  void connect(const std::string& why, const Assignment& target, state::Connecting::Origin origin);
  void connected(AttemptId attempt, const Assignment& at);
  void back_off(const std::string& why, std::chrono::milliseconds wait, state::Backoff::Next next, const Error& cause,
                std::uint32_t repeat);
  void halt(const std::string& why, const Error& cause);
  void stop(std::optional<AttemptId> session);

  /// DPS answered with a hub: it is remembered from now on.
  void note_assignment(const Assignment& assignment);
  /// A failure, for `LastError`.
  void note_error(const Error& error);
  /// DPS has failed: the wait or the halt that its fault calls for.
  void after_dps_failure(const Error& error);
  /// The session is gone, whatever the reason: the outage is counted from now, if it is not already.
  void note_loss();

  /// Whatever waiting there was is over; asks DPS, or, where `hub_first`, the remembered hub before.
  void go_on(const std::string& why, bool hub_first);

 private:
  struct Line {
    std::string text;
    std::string hub;
    std::optional<Error> cause;
    std::uint32_t repeat = 0;
  };
  [[nodiscard]] AttemptId new_attempt();
  /// In a long outage the same lines come again and again; this says for how many rounds they have.
  [[nodiscard]] std::uint32_t waits_in_a_row() const;
  void enter(State state, Line line);

  Supervisor next_;
  const Context& context_;
  std::vector<Effect> effects_;
};

}  // namespace iotc_ha::core
