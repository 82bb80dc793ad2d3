#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/dps_budget.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/policy.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The one place that decides where the device connects. Pure: `step(supervisor, event, context)` answers the next
/// supervisor and what is to be done, as values. No clock, thread, log, file or random device: they come in as
/// arguments.
///
/// The usual life: start() -> Connecting (remembered hub) or Provisioning (DPS) -> Connected. The hub is lost ->
/// Reprovision: the remembered hub at once and DPS a little later beside it, the first good answer wins -> Connected,
/// or Connecting (the hub that DPS named) -> Connected. What cannot be had now is asked for again after a Backoff, or,
/// where only an operator can mend it, slowly in Halted. Nothing ever gives up.
namespace iotc_ha::core {

/// The states, under the names that users see. Each holds what is true in it, and the moment at which it must be looked
/// at again, so that no answer that never comes can keep the daemon waiting.
namespace state {

/// No hub is known; DPS is being asked.
struct Provisioning {
  AttemptId attempt;
  Instant until;
};

/// A session is being opened: TCP, TLS, CONNECT, subscriptions, twin.
struct Connecting {
  /// What led here decides what a failure means.
  enum class Origin : std::uint8_t {
    Remembered,  ///< the hub of an earlier session: if it fails, DPS has not been asked yet
    Assigned,    ///< DPS has just named it: if it fails, everything has been tried
    Renewal,     ///< a planned new session on the same hub (new token, operator's wish): fails like a lost session
  };
  AttemptId attempt;
  Assignment target;
  Origin origin;
  Instant until;
};

/// The hub answers; telemetry flows.
struct Connected {
  AttemptId attempt;
  Assignment at;
  Instant since;
  Instant stable_at;   ///< from here on the session counts as stable and every backoff begins anew
  Instant renew_from;  ///< the token is renewed by a new session: from here on at the first quiet moment,
  Instant renew_at;    ///< and here at the latest
  bool suspected;      ///< an answer of the hub is late
  Instant until;       ///< the next of these moments
};

/// The session was lost: the remembered hub and DPS race. The hub has a head start; the first good answer wins, and the
/// other attempt is cancelled.
struct Reprovision {
  struct TryRemembered {
    AttemptId attempt;
    Assignment target;
    Instant until;
  };
  struct AskDps {
    AttemptId attempt;
    std::string avoid;  ///< the hub that has just refused: if DPS names it, DPS is behind, and we wait. "" for none
    Instant until;
  };
  struct HubAlone {
    TryRemembered hub;
    Instant dps_at;  ///< DPS is asked beside it from here on; far away when DPS has failed already or may not be asked
    std::optional<Error> dps_failed{};  ///< what DPS answered in this race: decides what follows if the hub fails too
  };
  struct Both {
    TryRemembered hub;
    AskDps dps;
  };
  struct DpsAlone {
    AskDps dps;
  };
  std::variant<HubAlone, Both, DpsAlone> race;
  Instant until;  ///< the next moment of the race
};

/// Everything that can be tried was tried; the next attempt has a time and a kind.
struct Backoff {
  enum class Next : std::uint8_t { TryRemembered, AskDps };
  Next next;
  Instant until;
};

/// Only an operator can mend it. Asks again slowly, and at once when asked to.
struct Halted {
  Instant until;
};

/// Drains, disconnects cleanly, ends.
struct Stopping {
  std::optional<AttemptId> session;  ///< the session that is being closed
  Instant until;
};

}  // namespace state

using State = std::variant<state::Provisioning, state::Connecting, state::Connected, state::Reprovision, state::Backoff,
                           state::Halted, state::Stopping>;

[[nodiscard]] std::string_view name_of(const State& state) noexcept;
/// When the state must be looked at again, by event::TimeReached. Every state has such a moment.
[[nodiscard]] Instant deadline(const State& state) noexcept;

/// What happens to the supervisor.
namespace event {

struct Assigned {  ///< DPS named a hub
  AttemptId attempt;
  Assignment assignment;
  std::string why;  ///< substatus, "" for none
};
struct DpsFailed {
  AttemptId attempt;
  Error error;  ///< `what` names the service
};
struct RegistrationSent {  ///< DPS was sent a register request of this attempt (PUT): it counts, however it ends
  AttemptId attempt;
};
struct PollThrottled {  ///< DPS answered 429 to a poll
  AttemptId attempt;
};
struct SessionOpened {  ///< CONNACK 0
  AttemptId attempt;
};
struct HubLost {  ///< a session could not be opened, or an open one is gone
  AttemptId attempt;
  Error error;  ///< `what` names the hub
};
struct SessionClosed {  ///< after effect::CloseSession
  AttemptId attempt;
};
struct Suspected {  ///< the link watch: an answer of the hub is late
  AttemptId attempt;
  std::string what;  ///< "has not acknowledged a message for 1.2 s"
};
struct Relieved {  ///< the late answer has come
  AttemptId attempt;
};
struct Quiet {  ///< nothing is in flight: a good moment for a planned renewal
  AttemptId attempt;
};
struct WorldChanged {  ///< link or route came, machine resumed from sleep, clock was set: ends a wait early, once
  std::string what;    ///< "the network has changed"
};
struct TimeReached {};                   ///< the deadline has come (or the clock says so: an early call does nothing)
struct ReconnectAsked {};                ///< by an operator: a new session on the same hub
struct ReprovisionAsked {};              ///< by an operator: ask DPS now
struct Reloaded {                        ///< the configuration was read again
  bool connection_changed = false;       ///< something that the session or DPS depends on differs
  std::optional<Remembered> remembered;  ///< the hub remembered for the identity that is now configured
};
struct StopAsked {};

}  // namespace event

using Event = std::variant<event::Assigned, event::DpsFailed, event::RegistrationSent, event::PollThrottled,
                           event::SessionOpened, event::HubLost, event::SessionClosed, event::Suspected,
                           event::Relieved, event::Quiet, event::WorldChanged, event::TimeReached,
                           event::ReconnectAsked, event::ReprovisionAsked, event::Reloaded, event::StopAsked>;

/// What is to be done, in this order. daemon/interpreter.cpp does it.
namespace effect {

struct PrepareDps {};  ///< a question to DPS is likely within seconds: open the connection, say nothing on it yet
struct AskDps {        ///< answered by Assigned or DpsFailed
  AttemptId attempt;
  std::chrono::milliseconds timeout;
  bool early_poll;  ///< may poll sooner than DPS suggests
};
struct CancelDps {
  AttemptId attempt;
};
struct OpenSession {  ///< answered by SessionOpened or HubLost; a session that was open or opening is given up
  AttemptId attempt;
  Assignment target;
  std::chrono::milliseconds timeout;
};
struct CloseSession {  ///< answered by SessionClosed; a drain of zero drops it as it is
  AttemptId attempt;
  std::chrono::milliseconds drain;
};
struct Remember {  ///< keep it on disk
  Remembered remembered;
};
struct KeepStanding {  ///< keep it on disk: a restart must begin with no fuller budget, and no earlier question
  DpsStanding standing;
};
struct Announce {  ///< one line of the journal; the status has changed
  std::string from;
  std::string to;
  std::string hub;             ///< the hub that the line is about, "" for none
  std::optional<Error> cause;  ///< the failure behind it, if it is one
  std::string line;            ///< "Connected -> Reprovision: …"
  std::uint32_t repeat = 0;  ///< how often this kind of failure has come in a row: the 1st, 2nd, 4th, 8th … is logged
};
struct FailedOver {
  std::string from;
  std::string to;
  std::chrono::microseconds duration;  ///< from the loss noticed to the session on the other hub
};
struct End {};

}  // namespace effect

using Effect =
    std::variant<effect::PrepareDps, effect::AskDps, effect::CancelDps, effect::OpenSession, effect::CloseSession,
                 effect::Remember, effect::KeepStanding, effect::Announce, effect::FailedOver, effect::End>;

/// What is known beside the state, whatever it is.
struct Memory {
  std::uint64_t attempts_made = 0;       ///< the source of AttemptId
  std::optional<Remembered> remembered;  ///< the hub that DPS named last; a hint, DPS is the authority
  std::string last_hub;                  ///< of the last session, "" before the first
  std::optional<Instant> lost_at;        ///< when the present outage was noticed; nothing while connected
  // How often each kind of wait came since the last stable session
  std::uint32_t hub_waits = 0;
  std::uint32_t dps_waits = 0;
  std::uint32_t same_hub_waits = 0;
  std::uint32_t halts = 0;
  std::uint32_t quick_losses = 0;  ///< sessions lost before they were stable
  std::optional<std::chrono::microseconds>
      usual_connect;                       ///< OpenSession to SessionOpened, smoothed; nothing before the first
  std::optional<Instant> opening_since;    ///< the OpenSession that is under way
  std::optional<Instant> dps_from;         ///< patience with the hub: DPS is not asked before, unless the hub refuses
  std::optional<Instant> dps_not_before;   ///< DPS wants to be left alone until then, whatever happens here
  std::optional<Instant> early_poll_from;  ///< a poll was throttled: no early ones before this
  std::optional<Instant> hurried_at;       ///< a wait was last ended early by WorldChanged
  std::uint32_t suspicions = 0;            ///< of the present session
  DpsBudget dps_budget;
};

struct Supervisor {
  State state;
  Memory memory;
  Status status;  ///< what operators see; model id and version are not its business
};

/// What a decision may depend on besides the event.
struct Context {
  Instant now;
  WallTime wall;
  double chance = 0;  ///< uniform in [0, 1), new for each step
  Policy policy;
  std::chrono::seconds token_life{3600};
};

struct Step {
  Supervisor supervisor;
  std::vector<Effect> effects;
};

/// The first step of a life. `standing`: as the last life has kept it.
[[nodiscard]] Step start(std::optional<Remembered> remembered, const DpsStanding& standing, const Context& context);
[[nodiscard]] Step step(Supervisor supervisor, const Event& event, const Context& context);

}  // namespace iotc_ha::core
