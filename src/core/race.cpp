#include "race.hpp"

#include "narration.hpp"

#include <algorithm>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;
using R = state::Reprovision;

/// For a race in which DPS has no part any more.
constexpr Instant k_never = Instant::max();
/// A connection that is prepared longer ahead than this is closed again before it is used.
constexpr std::chrono::seconds k_prepared_max = 3s;

void enter(R::HubAlone race, const std::string& text, const std::optional<Error>& cause, Decision& d) {
  const std::string hub = race.hub.target.hub;
  const Instant until = std::min(race.hub.until, race.dps_at);
  d.enter(R{std::move(race), until}, {text, hub, cause, d.waits_in_a_row()});
}

void enter(R::Both race, const std::string& text, const std::optional<Error>& cause, Decision& d) {
  const std::string hub = race.hub.target.hub;
  const Instant until = std::min(race.hub.until, race.dps.until);
  d.enter(R{std::move(race), until}, {text, hub, cause, d.waits_in_a_row()});
}

void enter(R::DpsAlone race, const std::string& text, const std::string& hub, const std::optional<Error>& cause,
           Decision& d) {
  const Instant until = race.dps.until;
  d.enter(R{std::move(race), until}, {text, hub, cause, d.waits_in_a_row()});
}

void drop(const R::TryRemembered& hub, Decision& d) { d.add(effect::CloseSession{hub.attempt, {}}); }

/// The hub has had its head start.
void ask_beside(const R::TryRemembered& hub, Decision& d) {
  const auto since = d.memory().opening_since.value_or(d.now());
  const std::string why = hub.target.hub + " has not answered within " + spoken(d.now() - since);
  if (const auto forbidden = d.pause()) {  // the wall clock, by which the budget goes, may have been set back
    return enter(R::HubAlone{hub, forbidden->until}, why + "; still trying it" + d.dps_later(d.now()), {}, d);
  }
  enter(R::Both{hub, d.ask("")}, why + "; asking DPS beside it", {}, d);
}

/// The hub has failed, and DPS is not being asked. `dps_failed`: what it answered when it was, in this race.
void hub_failed(const std::string& hub, const Error& error, const std::optional<Error>& dps_failed, Decision& d) {
  d.note_error(error);
  d.note_loss();
  const std::string avoid = is_lasting(error.fault) ? hub : "";
  if (dps_failed) return d.rest_after_dps(spoken(error) + ", and " + spoken(*dps_failed), *dps_failed, avoid);
  if (d.is_patient() && !is_refusal(error.fault)) return d.back_off_hub(spoken(error), error);
  d.ask_dps(spoken(error), avoid, error, Decision::Wish::Ours);
}

/// DPS has named a hub. `avoid`: the hub that has just said no, "" for none.
void hub_named(const event::Assigned& answer, const std::string& avoid, Decision& d) {
  const std::string& hub = answer.assignment.hub;
  d.note_assignment(answer.assignment, answer.why);
  if (hub == avoid) {
    return d.back_off_same_hub("DPS still names " + hub + ", which has just refused",
                               {Fault::HubUnavailable, hub + " refuses and DPS names no other hub", {}});
  }
  d.connect("DPS named " + hub + (answer.why.empty() ? "" : " (" + answer.why + ")"), answer.assignment,
            state::Connecting::Origin::Assigned);
}

// The stages

void race_on(const R::HubAlone& race, const Event& event, Decision& d) {
  const R::TryRemembered& hub = race.hub;
  std::visit(Overload{
                 k_nothing,
                 [&](const event::SessionOpened& e) {
                   if (e.attempt == hub.attempt) d.connected(hub.attempt, hub.target);
                 },
                 [&](const event::HubLost& e) {
                   if (e.attempt == hub.attempt) hub_failed(hub.target.hub, e.error, race.dps_failed, d);
                 },
                 [&](const event::TimeReached&) {
                   if (d.now() < hub.until) return ask_beside(hub, d);
                   drop(hub, d);
                   hub_failed(hub.target.hub, timed_out(hub.target.hub), race.dps_failed, d);
                 },
                 [&](const event::ReprovisionAsked&) {
                   // Were the hub left in the race, it could win, and DPS would not be asked to the end.
                   drop(hub, d);
                   d.note_loss();
                   d.ask_dps("an operator asked for it", "", {}, Decision::Wish::Operators);
                 },
             },
             event);
}

/// The hub is out of the race; DPS goes on.
void hub_drops_out(const R::Both& race, const Error& error, Decision& d) {
  d.note_error(error);
  d.note_loss();
  R::AskDps dps = race.dps;
  if (is_lasting(error.fault)) dps.avoid = race.hub.target.hub;
  enter(R::DpsAlone{std::move(dps)}, spoken(error) + "; DPS is being asked already", race.hub.target.hub, error, d);
}

/// DPS is out of the race; the hub goes on.
void dps_drops_out(const R::Both& race, const Error& error, Decision& d) {
  d.note_dps_failure(error);
  enter(R::HubAlone{race.hub, k_never, error}, spoken(error) + "; still trying " + race.hub.target.hub, error, d);
}

void named_in_a_race(const R::Both& race, const event::Assigned& answer, Decision& d) {
  const R::TryRemembered& hub = race.hub;
  // Another hub: the room of the hub gives the old attempt up by itself, and nothing waits for that.
  if (answer.assignment != hub.target) return hub_named(answer, "", d);
  d.note_assignment(answer.assignment, answer.why);
  const auto timeout = d.opening_timeout(state::Connecting::Origin::Assigned);
  d.enter(state::Connecting{hub.attempt, hub.target, state::Connecting::Origin::Assigned,
                            d.now() + timeout + k_worker_grace},
          {"DPS names " + hub.target.hub + " too; waiting for it", hub.target.hub, {}, d.waits_in_a_row()});
}

void time_is_up(const R::Both& race, Decision& d) {
  const std::string& hub = race.hub.target.hub;
  const bool hub_is_late = d.now() >= race.hub.until;
  const bool dps_is_late = d.now() >= race.dps.until;
  if (hub_is_late) drop(race.hub, d);
  if (dps_is_late) d.add(effect::CancelDps{race.dps.attempt});
  if (!dps_is_late) return hub_drops_out(race, timed_out(hub), d);
  if (!hub_is_late) return dps_drops_out(race, timed_out("DPS"), d);
  d.note_dps_failure(timed_out("DPS"));
  hub_failed(hub, timed_out(hub), timed_out("DPS"), d);
}

void race_on(const R::Both& race, const Event& event, Decision& d) {
  std::visit(Overload{
                 k_nothing,
                 [&](const event::SessionOpened& e) {
                   if (e.attempt != race.hub.attempt) return;
                   d.add(effect::CancelDps{race.dps.attempt});
                   d.connected(race.hub.attempt, race.hub.target);
                 },
                 [&](const event::Assigned& e) {
                   if (e.attempt == race.dps.attempt) named_in_a_race(race, e, d);
                 },
                 [&](const event::HubLost& e) {
                   if (e.attempt == race.hub.attempt) hub_drops_out(race, e.error, d);
                 },
                 [&](const event::DpsFailed& e) {
                   if (e.attempt == race.dps.attempt) dps_drops_out(race, e.error, d);
                 },
                 [&](const event::TimeReached&) { time_is_up(race, d); },
                 [&](const event::ReprovisionAsked&) {
                   drop(race.hub, d);
                   d.note_loss();
                   enter(R::DpsAlone{race.dps}, "an operator asked for it; DPS is being asked already",
                         race.hub.target.hub, {}, d);
                 },
             },
             event);
}

void race_on(const R::DpsAlone& race, const Event& event, Decision& d) {
  const auto failed = [&](const Error& error) {
    d.note_dps_failure(error);
    d.rest_after_dps(spoken(error), error, race.dps.avoid);
  };
  std::visit(Overload{
                 k_nothing,
                 [&](const event::Assigned& e) {
                   if (e.attempt == race.dps.attempt) hub_named(e, race.dps.avoid, d);
                 },
                 [&](const event::DpsFailed& e) {
                   if (e.attempt == race.dps.attempt) failed(e.error);
                 },
                 [&](const event::TimeReached&) {
                   d.add(effect::CancelDps{race.dps.attempt});
                   failed(timed_out("DPS"));
                 },
             },
             event);
}

}  // namespace

Error timed_out(const std::string& what) { return {Fault::TimedOut, what + " did not answer in time", {}}; }

void start_race(const std::string& why, const Assignment& target, const std::optional<Error>& cause, bool dps_at_once,
                Decision& d) {
  const R::TryRemembered hub = d.open(target, d.opening_timeout(state::Connecting::Origin::Remembered));
  const auto head_start = dps_at_once ? 0us : d.head_start();
  const Instant dps_at = d.dps_beside(head_start);
  const std::string trying = why + "; trying " + target.hub;
  if (dps_at <= d.now()) return enter(R::Both{hub, d.ask("")}, trying + " and asking DPS", cause, d);
  if (d.policy().hub_patience == 0ms && dps_at - d.now() <= k_prepared_max) d.add(effect::PrepareDps{});
  enter(R::HubAlone{hub, dps_at}, trying + d.dps_beside_words(dps_at, head_start), cause, d);
}

void race_on(const state::Reprovision& now, const Event& event, Decision& d) {
  std::visit([&](const auto& stage) { race_on(stage, event, d); }, now.race);
}

std::optional<AttemptId> call_off(const state::Reprovision& now, Decision& d) {
  return std::visit(Overload{
                        [](const R::HubAlone& race) -> std::optional<AttemptId> { return race.hub.attempt; },
                        [&](const R::Both& race) -> std::optional<AttemptId> {
                          d.add(effect::CancelDps{race.dps.attempt});
                          return race.hub.attempt;
                        },
                        [&](const R::DpsAlone& race) -> std::optional<AttemptId> {
                          d.add(effect::CancelDps{race.dps.attempt});
                          return {};
                        },
                    },
                    now.race);
}

}  // namespace iotc_ha::core
