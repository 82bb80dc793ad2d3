#include "decision.hpp"
#include "narration.hpp"

#include <iotc_ha/core/backoff.hpp>
#include <iotc_ha/core/supervisor.hpp>

#include <algorithm>

namespace iotc_ha::core {
namespace {

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};
template <typename... F>
Overload(F...) -> Overload<F...>;

/// The hub has said no. Only DPS knows where the device belongs now.
bool is_refusal(Fault fault) {
  return fault == Fault::HubUnavailable || fault == Fault::HubBadCredentials || fault == Fault::HubNotAuthorized;
}

/// For events that mean nothing in a state: answers of attempts that are over, a deadline that has moved, or wishes
/// that are being fulfilled already.
constexpr auto k_nothing = [](const auto& /*event*/) {};

Error timed_out(const std::string& what) { return {Fault::TimedOut, what + " did not answer in time", {}}; }

/// What the state waited for when a reload changed the ground under it is given up, and everything begins anew.
void begin_anew(Decision& d, const event::Reloaded& reload) {
  d.memory().remembered = reload.remembered;
  const std::string why = "the configuration has changed";
  if (reload.remembered) return d.connect(why, *reload.remembered, state::Connecting::Origin::Remembered);
  d.ask_dps_for_the_first_time(why);
}

/// A session is being opened. `dps_named_it`: DPS has just named this hub, so that nobody is left to ask if it fails.
void opening_failed(const Assignment& target, bool dps_named_it, const Error& error, Decision& d) {
  d.note_error(error);
  d.note_loss();
  const bool refused = is_refusal(error.fault);
  if (!dps_named_it) return d.ask_dps_again(spoken(error), refused ? target.hub : "", error);
  const Policy& policy = d.context().policy;
  if (refused) {
    const auto round = d.memory().same_hub_waits++;
    return d.back_off(spoken(error), doubling(policy.same_hub_wait, policy.same_hub_wait_max, round),
                      state::Backoff::Next::AskDps, error, round + 1);
  }
  const auto round = d.memory().hub_waits++;
  d.back_off(spoken(error), full_jitter(policy.backoff_base, policy.backoff_max, round, d.context().chance),
             state::Backoff::Next::TryRemembered, error, round + 1);
}

void while_opening(AttemptId attempt, const Assignment& target, bool dps_named_it, const Event& event, Decision& d) {
  std::visit(Overload{
                 k_nothing,
                 [&](const event::SessionOpened& e) {
                   if (e.attempt == attempt) d.connected(attempt, target);
                 },
                 [&](const event::HubLost& e) {
                   if (e.attempt == attempt) opening_failed(target, dps_named_it, e.error, d);
                 },
                 [&](const event::TimeReached&) {
                   d.add(effect::CloseSession{attempt, {}});
                   opening_failed(target, dps_named_it, timed_out(target.hub), d);
                 },
                 [&](const event::ReprovisionAsked&) {
                   d.add(effect::CloseSession{attempt, {}});
                   d.note_loss();
                   d.go_on("an operator asked for it", false);
                 },
                 [&](const event::Reloaded& e) {
                   if (!e.connection_changed) return;
                   d.add(effect::CloseSession{attempt, {}});
                   begin_anew(d, e);
                 },
                 [&](const event::StopAsked&) { d.stop(attempt); },
             },
             event);
}

/// DPS is being asked. `avoid`: the hub that has just refused, "" for none.
void while_asking_dps(AttemptId attempt, const std::string& avoid, const Event& event, Decision& d) {
  const auto assigned = [&](const Assignment& assignment) {
    d.note_assignment(assignment);
    if (assignment.hub != avoid) {
      return d.connect("DPS named " + assignment.hub, assignment, state::Connecting::Origin::Assigned);
    }
    const Policy& policy = d.context().policy;
    const auto round = d.memory().same_hub_waits++;
    d.back_off("DPS still names " + avoid + ", which has just refused",
               doubling(policy.same_hub_wait, policy.same_hub_wait_max, round), state::Backoff::Next::AskDps,
               {Fault::HubUnavailable, avoid + " refuses and DPS names no other hub", {}}, round + 1);
  };
  std::visit(Overload{
                 k_nothing,
                 [&](const event::Assigned& e) {
                   if (e.attempt == attempt) assigned(e.assignment);
                 },
                 [&](const event::DpsFailed& e) {
                   if (e.attempt == attempt) d.after_dps_failure(e.error);
                 },
                 [&](const event::TimeReached&) {
                   d.add(effect::CancelDps{attempt});
                   d.after_dps_failure(timed_out("DPS"));
                 },
                 [&](const event::Reloaded& e) {
                   if (!e.connection_changed) return;
                   d.add(effect::CancelDps{attempt});
                   begin_anew(d, e);
                 },
                 [&](const event::StopAsked&) {
                   d.add(effect::CancelDps{attempt});
                   d.stop({});
                 },
             },
             event);
}

// One function a state, in the order of a life.

void in(const state::Provisioning& now, const Event& event, Decision& d) {
  while_asking_dps(now.attempt, "", event, d);
}

void in(const state::Connecting& now, const Event& event, Decision& d) {
  while_opening(now.attempt, now.target, now.origin == state::Connecting::Origin::Assigned, event, d);
}

void session_lost(const state::Connected& now, const Error& error, Decision& d) {
  d.note_error(error);
  d.note_loss();
  const auto age = d.context().now - now.since;
  const std::string why = spoken(error) + " after " + spoken(age);
  // A hub that takes the session and drops it at once (quota, throttle, a message that it cannot bear) must not be run
  // against in a circle. The first such loss may be chance; from the second on there is a wait before each try.
  const bool quick = d.context().now < now.stable_at;
  if (quick && d.memory().quick_losses++ > 0) {
    const Policy& policy = d.context().policy;
    const auto round = d.memory().hub_waits++;
    return d.back_off(why, full_jitter(policy.backoff_base, policy.backoff_max, round, d.context().chance),
                      state::Backoff::Next::TryRemembered, error, round + 1);
  }
  d.try_remembered(why, now.at, error);
}

/// The session has lasted: what was counted against the hub and DPS is forgotten.
void session_is_stable(Supervisor& supervisor) {
  Memory& memory = supervisor.memory;
  memory.hub_waits = memory.dps_waits = memory.same_hub_waits = memory.halts = memory.quick_losses = 0;
  supervisor.status.attempts = 0;
}

void in(const state::Connected& now, const Event& event, Decision& d) {
  const auto renew = [&](const std::string& why) {
    d.add(effect::CloseSession{now.attempt, d.context().policy.drain_timeout});
    d.connect(why, now.at, state::Connecting::Origin::Renewal);
  };
  std::visit(Overload{
                 k_nothing,
                 [&](const event::HubLost& e) {
                   if (e.attempt == now.attempt) session_lost(now, e.error, d);
                 },
                 [&](const event::TimeReached&) {
                   if (d.context().now >= now.renew_at) renew("the token is due for renewal");
                 },
                 [&](const event::ReconnectAsked&) { renew("an operator asked for it"); },
                 [&](const event::ReprovisionAsked&) {
                   d.add(effect::CloseSession{now.attempt, d.context().policy.drain_timeout});
                   d.note_loss();
                   d.go_on("an operator asked for it", false);
                 },
                 [&](const event::Reloaded& e) {
                   if (!e.connection_changed) return;
                   d.add(effect::CloseSession{now.attempt, d.context().policy.drain_timeout});
                   begin_anew(d, e);
                 },
                 [&](const event::StopAsked&) { d.stop(now.attempt); },
             },
             event);
}

void in(const state::Reprovision& now, const Event& event, Decision& d) {
  std::visit(
      Overload{
          [&](const state::Reprovision::TryRemembered& stage) {
            while_opening(stage.attempt, stage.target, false, event, d);
          },
          [&](const state::Reprovision::AskDps& stage) { while_asking_dps(stage.attempt, stage.avoid, event, d); },
      },
      now.stage);
}

void in(const state::Backoff& now, const Event& event, Decision& d) {
  std::visit(Overload{
                 k_nothing,
                 [&](const event::TimeReached&) {
                   d.go_on("the wait is over", now.next == state::Backoff::Next::TryRemembered);
                 },
                 [&](const event::ReconnectAsked&) { d.go_on("an operator asked for it", true); },
                 [&](const event::ReprovisionAsked&) { d.go_on("an operator asked for it", false); },
                 [&](const event::Reloaded& e) {
                   if (e.connection_changed) return begin_anew(d, e);
                   d.go_on("the configuration was read again", now.next == state::Backoff::Next::TryRemembered);
                 },
                 [&](const event::StopAsked&) { d.stop({}); },
             },
             event);
}

void in(const state::Halted& /*now*/, const Event& event, Decision& d) {
  const auto ask = [&](const std::string& why) { d.ask_dps_for_the_first_time(why); };
  std::visit(Overload{
                 k_nothing,
                 [&](const event::TimeReached&) { ask("the wait is over"); },
                 [&](const event::ReconnectAsked&) { ask("an operator asked for it"); },
                 [&](const event::ReprovisionAsked&) { ask("an operator asked for it"); },
                 [&](const event::Reloaded& e) {
                   d.memory().halts = 0;
                   if (e.connection_changed) d.memory().remembered = e.remembered;
                   ask("the configuration was read again");
                 },
                 [&](const event::StopAsked&) { d.stop({}); },
             },
             event);
}

void in(const state::Stopping& now, const Event& event, Decision& d) {
  std::visit(Overload{
                 k_nothing,
                 [&](const event::SessionClosed& e) {
                   if (e.attempt == now.session) d.add(effect::End{});
                 },
                 [&](const event::HubLost& e) {
                   if (e.attempt == now.session) d.add(effect::End{});
                 },
                 [&](const event::TimeReached&) { d.add(effect::End{}); },
             },
             event);
}

}  // namespace

std::string_view name_of(const State& state) noexcept {
  constexpr std::string_view k_names[] = {"Provisioning", "Connecting", "Connected", "Reprovision",
                                          "Backoff",      "Halted",     "Stopping"};
  static_assert(std::size(k_names) == std::variant_size_v<State>);
  return k_names[state.index()];
}

Instant deadline(const State& state) noexcept {
  return std::visit([](const auto& s) { return s.until; }, state);
}

Step start(std::optional<Assignment> remembered, const Context& context) {
  Decision d({state::Halted{context.now}, {}, {}}, context);
  d.memory().remembered = remembered;
  if (remembered) {
    d.connect("a hub is remembered", *remembered, state::Connecting::Origin::Remembered);
  } else {
    d.ask_dps_for_the_first_time("no hub is known");
  }
  return std::move(d).take();
}

Step step(Supervisor supervisor, const Event& event, const Context& context) {
  // A timer may fire early or after the state has changed: the deadline itself decides.
  if (std::holds_alternative<event::TimeReached>(event)) {
    if (context.now < deadline(supervisor.state)) return {std::move(supervisor), {}};
    if (auto* open = std::get_if<state::Connected>(&supervisor.state);
        open != nullptr && context.now >= open->stable_at) {
      session_is_stable(supervisor);
      std::get<state::Connected>(supervisor.state).until = open->renew_at;
    }
  }
  const State now = supervisor.state;
  Decision d(std::move(supervisor), context);
  std::visit([&](const auto& s) { in(s, event, d); }, now);
  return std::move(d).take();
}

}  // namespace iotc_ha::core
