#pragma once

#include <iotc_ha/core/supervisor.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// One step in the making: the supervisor as it will be and the effects so far. The functions here are the moves that
/// several states make; which of them is made when is supervisor.cpp's and race.cpp's. Private to the room.
namespace iotc_ha::core {

/// The worker ends an attempt at its own limit and can say what it was waiting for; the state's deadline is for a
/// worker that does not answer at all, so it comes a little later: above the drain of the session before.
inline constexpr std::chrono::milliseconds k_worker_grace{3'000};
/// The hub's head start while nobody knows yet how long a session takes to open here.
inline constexpr std::chrono::milliseconds k_head_start_unknown{2'000};
/// A Retry-After that asks for more than a day is a fault.
inline constexpr std::chrono::seconds k_retry_after_max{24 * 3'600};

/// The hub has said no (CONNACK 3, 4, 5): only DPS knows where the device belongs now.
[[nodiscard]] bool is_refusal(Fault fault);
/// The hub answers, and would answer the same a moment later: not to be tried again soon, whatever DPS says of it.
[[nodiscard]] bool is_lasting(Fault fault);

/// What is to outlive the process.
[[nodiscard]] DpsStanding standing_of(const Memory& memory, const Context& context);

class Decision {
 public:
  Decision(Supervisor supervisor, const Context& context) : next_(std::move(supervisor)), context_(context) {}

  [[nodiscard]] const Context& context() const { return context_; }
  [[nodiscard]] const Policy& policy() const { return context_.policy; }
  [[nodiscard]] Instant now() const { return context_.now; }
  [[nodiscard]] Memory& memory() { return next_.memory; }
  [[nodiscard]] Step take() && { return {std::move(next_), std::move(effects_)}; }

  // Pieces of a move
  void add(Effect effect) { effects_.push_back(std::move(effect)); }
  struct Line {
    std::string text;  ///< what has happened; and what comes next
    std::string hub;
    std::optional<Error> cause;
    std::uint32_t repeat = 0;
  };
  void enter(State state, Line line);
  [[nodiscard]] state::Reprovision::TryRemembered open(const Assignment& target, std::chrono::milliseconds timeout);
  [[nodiscard]] std::chrono::milliseconds opening_timeout(state::Connecting::Origin origin) const;
  [[nodiscard]] state::Reprovision::AskDps ask(std::string avoid);
  /// In a long outage the same lines come again and again; this says for how many rounds they have.
  [[nodiscard]] std::uint32_t waits_in_a_row() const;

  // When DPS may be asked
  struct Pause {
    Instant until;
    std::string why;
  };
  /// DPS itself or the budget forbids a question now, whatever happens here. An operator may go over it.
  [[nodiscard]] std::optional<Pause> pause() const;
  /// The hub is given its time first, unless it refuses.
  [[nodiscard]] bool is_patient() const { return next_.memory.dps_from && *next_.memory.dps_from > now(); }
  /// A hub that DPS has just named cannot be reached. DPS has said what it knows, and is given time to learn more.
  void give_hub_its_time();
  /// The head start that a hub has earned by what is usual here.
  [[nodiscard]] std::chrono::microseconds head_start() const;
  /// When DPS is asked beside a hub that is being tried since now.
  [[nodiscard]] Instant dps_beside(std::chrono::microseconds head_start);
  /// ", DPS in 3 min: the budget of …" when DPS is not asked before `then`; "" when it is.
  [[nodiscard]] std::string dps_later(Instant then) const;
  /// ", asking DPS beside it in 0.3 s", or why that is later than after the head start.
  [[nodiscard]] std::string dps_beside_words(Instant at, std::chrono::microseconds head_start) const;

  // Moves. Each enters a state, asks for what the state needs, and announces it.
  // `why` is the first half of the line: what has happened. The move adds what comes next.
  enum class Wish : std::uint8_t { Ours, Operators };
  /// -> Provisioning, or a Backoff until DPS may be asked
  void ask_dps_anew(const std::string& why, Wish wish);
  /// -> Reprovision with DPS alone (Provisioning where no hub is known), or a Backoff until DPS may be asked
  void ask_dps(const std::string& why, std::string avoid, const std::optional<Error>& cause, Wish wish);
  void connect(const std::string& why, const Assignment& target, state::Connecting::Origin origin);
  void connected(AttemptId attempt, const Assignment& at);
  void back_off(const std::string& why, std::chrono::microseconds wait, state::Backoff::Next next,
                const std::optional<Error>& cause, std::uint32_t repeat);
  /// A hub could not be reached, and it is the hub's turn again.
  void back_off_hub(const std::string& why, const Error& cause);
  /// DPS names the hub that has just said no: it is behind. It is asked again, more slowly each time.
  void back_off_same_hub(const std::string& why, const Error& cause);
  void halt(const std::string& why, std::chrono::microseconds wait, const std::optional<Error>& cause);
  void stop(std::optional<AttemptId> session);

  /// DPS answered with a hub: it is remembered from now on.
  void note_assignment(const Assignment& assignment, const std::string& why);
  /// A failure, for `LastError`.
  void note_error(const Error& error);
  [[nodiscard]] bool last_fault_was(Fault fault) const { return next_.status.last_error.name == name_of(fault); }
  /// DPS has failed: from when on it may be asked again.
  void note_dps_failure(const Error& error);
  /// DPS wants to be left alone until then, or not any more.
  void spare_dps(std::optional<Instant> until);
  /// Neither hub nor DPS: the wait or the halt that DPS's fault calls for. After note_dps_failure(). `avoid`: the hub
  /// that has just said no.
  void rest_after_dps(const std::string& why, const Error& error, const std::string& avoid);
  /// The session is gone, whatever the reason: the outage is counted from now, if it is not already.
  void note_loss();

 private:
  [[nodiscard]] AttemptId new_attempt();
  void wait_for_dps(const std::string& why, const Pause& pause, bool hub_said_no, const std::optional<Error>& cause);

  Supervisor next_;
  const Context& context_;
  std::vector<Effect> effects_;
};

}  // namespace iotc_ha::core
