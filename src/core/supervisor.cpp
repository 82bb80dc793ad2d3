#include "decision.hpp"
#include "narration.hpp"
#include "race.hpp"

#include <iotc_ha/core/supervisor.hpp>

#include <algorithm>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

using R = state::Reprovision;

/// A wait is ended early by a change in the world this often at most: a link that flaps must not undo every wait.
constexpr std::chrono::seconds k_hurry_pause = 30s;
/// And not at once: a fleet behind one switch gets its link back at the same moment.
constexpr std::chrono::milliseconds k_hurry_spread = 1s;

/// What the state waited for when a reload changed the ground under it is given up, and everything begins anew.
void begin_anew(Decision& d, const event::Reloaded& reload) {
  Memory& memory = d.memory();
  memory.remembered = reload.remembered;
  memory.dps_from.reset();
  d.spare_dps({});
  memory.usual_connect.reset();
  const std::string why = "the configuration has changed";
  if (reload.remembered) {
    return d.connect(why, reload.remembered->assignment, state::Connecting::Origin::Remembered);
  }
  d.ask_dps_anew(why, Decision::Wish::Operators);
}

/// Whatever waiting there was is over.
void go_on(const std::string& why, state::Backoff::Next next, Decision::Wish wish, Decision& d) {
  const auto& remembered = d.memory().remembered;
  if (!remembered || next == state::Backoff::Next::AskDps) return d.ask_dps(why, "", {}, wish);
  start_race(why, Assignment{remembered->assignment}, {}, false, d);
}

/// A link that came or a clock that was set may be all that a wait was for. It may be cut short, but DPS's own wishes
/// and the budget stand. Answers when the wait ends, if that is sooner.
std::optional<Instant> hurried(Instant until, bool asks_dps, Decision& d) {
  Memory& memory = d.memory();
  if (memory.hurried_at && d.now() - *memory.hurried_at < k_hurry_pause) return {};
  const auto spread = std::chrono::duration<double, std::milli>{k_hurry_spread} * d.context().chance;
  Instant at = d.now() + std::chrono::duration_cast<Instant::duration>(spread);
  if (asks_dps) {
    if (const auto forbidden = d.pause()) at = std::max(at, forbidden->until);
  }
  if (at >= until) return {};
  memory.hurried_at = d.now();
  memory.hub_waits = 0;  // the first try may still come too soon, and the next must not be far
  return at;
}

// One function a state, in the order of a life.

void in(const state::Reprovision& now, const Event& event, Decision& d);

/// As the end of a race in which no hub takes part.
void in(const state::Provisioning& now, const Event& event, Decision& d) {
  in(R{R::DpsAlone{{now.attempt, "", now.until}}, now.until}, event, d);
}

/// DPS has just named this hub, so that nobody is left to ask when it fails.
void named_hub_failed(const Error& error, Decision& d) {
  d.note_error(error);
  d.note_loss();
  if (is_lasting(error.fault)) return d.back_off_same_hub(spoken(error), error);
  d.give_hub_its_time();
  d.back_off_hub(spoken(error), error);
}

void while_named_hub_opens(const state::Connecting& now, const Event& event, Decision& d) {
  std::visit(Overload{
                 k_nothing,
                 [&](const event::SessionOpened& e) {
                   if (e.attempt == now.attempt) d.connected(now.attempt, now.target);
                 },
                 [&](const event::HubLost& e) {
                   if (e.attempt == now.attempt) named_hub_failed(e.error, d);
                 },
                 [&](const event::TimeReached&) {
                   d.add(effect::CloseSession{now.attempt, {}});
                   named_hub_failed(timed_out(now.target.hub), d);
                 },
                 [&](const event::ReprovisionAsked&) {
                   d.add(effect::CloseSession{now.attempt, {}});
                   d.note_loss();
                   d.ask_dps("an operator asked for it", "", {}, Decision::Wish::Operators);
                 },
                 [&](const event::Reloaded& e) {
                   if (!e.connection_changed) return;
                   d.add(effect::CloseSession{now.attempt, {}});
                   begin_anew(d, e);
                 },
                 [&](const event::StopAsked&) { d.stop(now.attempt); },
             },
             event);
}

void in(const state::Connecting& now, const Event& event, Decision& d) {
  if (now.origin == state::Connecting::Origin::Assigned) return while_named_hub_opens(now, event, d);
  auto& since = d.memory().opening_since;
  const Instant late = since ? *since + d.opening_timeout(now.origin) + k_worker_grace : now.until;
  // A planned new session waits for the drain of the old one: not what opening usually takes.
  const auto* opened = std::get_if<event::SessionOpened>(&event);
  if (now.origin == state::Connecting::Origin::Renewal && opened != nullptr && opened->attempt == now.attempt) {
    since.reset();
  }
  // As the beginning of a race, in which the hub has its head start until now.until.
  in(R{R::HubAlone{{now.attempt, now.target, late}, now.until}, now.until}, event, d);
}

void session_lost(const state::Connected& now, const Error& error, Decision& d) {
  d.note_error(error);
  d.note_loss();
  const std::string why = spoken(error) + " after " + spoken(d.now() - now.since);
  // A hub that takes the session and drops it soon (moved, quota, throttle, a message that it cannot bear) must not be
  // run against in a circle. The first such loss may be chance; with the second DPS is asked at once, and once: the
  // device may have been moved. From the third on, DPS could only name the same hub again, and each try waits.
  const bool quick = d.now() < now.stable_at;
  const auto losses = quick ? ++d.memory().quick_losses : 0;
  const bool may_ask = d.policy().hub_patience.count() == 0 && !d.pause();
  if (losses > 2 || (losses == 2 && !may_ask)) {
    return d.back_off_hub(why + ", and so soon " + std::to_string(losses) +
                              " times in a row (quota, throttling, another device with this id, or a message)",
                          error);
  }
  // A silent hub is more likely gone than one that closed its connection.
  start_race(why, now.at, error, losses == 2 || error.fault == Fault::Silent, d);
}

/// The session has lasted: what was counted against the hub and DPS is forgotten.
void session_is_stable(Supervisor& supervisor) {
  Memory& memory = supervisor.memory;
  memory.hub_waits = memory.dps_waits = memory.same_hub_waits = memory.halts = memory.quick_losses = 0;
  supervisor.status.attempts = 0;
}

void suspected(const state::Connected& now, const std::string& line, bool suspected, Decision& d) {
  state::Connected open = now;
  open.suspected = suspected;
  // A link that is slow now and then would fill the journal: the count lets the 1st, 2nd, 4th, 8th … through.
  if (suspected) ++d.memory().suspicions;
  d.enter(open, {line, now.at.hub, {}, d.memory().suspicions});
}

void in(const state::Connected& now, const Event& event, Decision& d) {
  const auto renew = [&](const std::string& why) {
    d.add(effect::CloseSession{now.attempt, d.policy().drain_timeout});
    d.connect(why, now.at, state::Connecting::Origin::Renewal);
  };
  const std::string& hub = now.at.hub;
  std::visit(Overload{
                 k_nothing,
                 [&](const event::HubLost& e) {
                   if (e.attempt == now.attempt) session_lost(now, e.error, d);
                 },
                 [&](const event::Suspected& e) {
                   if (e.attempt != now.attempt || now.suspected) return;
                   suspected(now, hub + " is suspected: " + e.what + "; asking it", true, d);
                 },
                 [&](const event::Relieved& e) {
                   if (e.attempt == now.attempt && now.suspected) suspected(now, hub + " has answered", false, d);
                 },
                 [&](const event::Quiet& e) {
                   if (e.attempt == now.attempt && d.now() >= now.renew_from)
                     renew("the token is renewed at a quiet moment");
                 },
                 [&](const event::TimeReached&) {
                   if (d.now() >= now.renew_at) renew("the token has to be renewed");
                 },
                 [&](const event::ReconnectAsked&) { renew("an operator asked for it"); },
                 [&](const event::ReprovisionAsked&) {
                   d.add(effect::CloseSession{now.attempt, d.policy().drain_timeout});
                   d.note_loss();
                   d.ask_dps("an operator asked for it", "", {}, Decision::Wish::Operators);
                 },
                 [&](const event::Reloaded& e) {
                   if (!e.connection_changed) return;
                   d.add(effect::CloseSession{now.attempt, d.policy().drain_timeout});
                   begin_anew(d, e);
                 },
                 [&](const event::StopAsked&) { d.stop(now.attempt); },
             },
             event);
}

void in(const state::Reprovision& now, const Event& event, Decision& d) {
  if (const auto* reload = std::get_if<event::Reloaded>(&event)) {
    if (!reload->connection_changed) return;
    if (const auto session = call_off(now, d)) d.add(effect::CloseSession{*session, {}});
    return begin_anew(d, *reload);
  }
  if (std::holds_alternative<event::StopAsked>(event)) return d.stop(call_off(now, d));
  race_on(now, event, d);
}

void in(const state::Backoff& now, const Event& event, Decision& d) {
  using Next = state::Backoff::Next;
  constexpr auto k_operators = Decision::Wish::Operators;
  std::visit(
      Overload{
          k_nothing,
          [&](const event::TimeReached&) { go_on("the wait is over", now.next, Decision::Wish::Ours, d); },
          [&](const event::WorldChanged& e) {
            const auto at = hurried(now.until, now.next == Next::AskDps, d);
            if (at) d.back_off(e.what, *at - d.now(), now.next, {}, 0);
          },
          [&](const event::ReconnectAsked&) { go_on("an operator asked for it", Next::TryRemembered, k_operators, d); },
          [&](const event::ReprovisionAsked&) { go_on("an operator asked for it", Next::AskDps, k_operators, d); },
          [&](const event::Reloaded& e) {
            if (e.connection_changed) return begin_anew(d, e);
            go_on("the configuration was read again", now.next, k_operators, d);
          },
          [&](const event::StopAsked&) { d.stop({}); },
      },
      event);
}

void in(const state::Halted& now, const Event& event, Decision& d) {
  const auto operator_asks = [&](const std::string& why) { d.ask_dps_anew(why, Decision::Wish::Operators); };
  std::visit(Overload{
                 k_nothing,
                 [&](const event::TimeReached&) { d.ask_dps_anew("the wait is over", Decision::Wish::Ours); },
                 [&](const event::WorldChanged& e) {
                   // A token is refused by a wrong clock too, and not every way to DPS tells us its time.
                   if (!d.last_fault_was(Fault::DpsUnauthorized)) return;
                   if (const auto at = hurried(now.until, true, d)) d.halt(e.what, *at - d.now(), {});
                 },
                 [&](const event::ReconnectAsked&) { operator_asks("an operator asked for it"); },
                 [&](const event::ReprovisionAsked&) { operator_asks("an operator asked for it"); },
                 [&](const event::Reloaded& e) {
                   d.memory().halts = 0;
                   if (e.connection_changed) d.memory().remembered = e.remembered;
                   operator_asks("the configuration was read again");
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

/// A poll that came too soon for DPS: the others follow its own pace for so long.
constexpr std::chrono::hours k_early_poll_pause = 1h;

Step registration_sent(Supervisor supervisor, const Context& context) {
  ++supervisor.status.dps_registrations;
  supervisor.memory.dps_budget.spend(context.policy.dps_budget, context.wall);
  const effect::KeepStanding keep{standing_of(supervisor.memory, context)};
  return {std::move(supervisor), {keep}};
}

/// The budget is kept by the wall clock. When that has been set back, what passes from now on counts, and not only what
/// passes after the time is again what it was.
void follow_the_clock(Supervisor& supervisor, const Context& context) {
  DpsBudget& budget = supervisor.memory.dps_budget;
  if (context.wall < budget.at()) budget = DpsBudget{budget.spent(), context.wall};
}

/// The wish of DPS that an earlier life has kept. One for longer than DPS can ask for is of a clock that was wrong,
/// then or now.
std::optional<Instant> spared_until(const DpsStanding& standing, const Context& context) {
  const auto& until = standing.not_before;
  const auto longest = k_retry_after_max + context.policy.dps_backoff_max;
  if (!until || *until <= context.wall || *until > context.wall + longest) return {};
  return context.now + (*until - context.wall);
}

/// "a hub is remembered, named by DPS 3 h ago (deviceDataMigrated)"
std::string what_is_remembered(const Remembered& remembered, WallTime now) {
  std::string text = "a hub is remembered, named by DPS";
  if (remembered.named_at > WallTime{} && remembered.named_at <= now) {
    text += " " + spoken(now - remembered.named_at) + " ago";
  }
  if (!remembered.why.empty()) text += " (" + remembered.why + ")";
  return text;
}

Instant next_moment(const state::Connected& open, Instant now) {
  Instant next = open.renew_at;
  for (const Instant moment : {open.stable_at, open.renew_from}) {
    if (moment > now) next = std::min(next, moment);
  }
  return next;
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

Step start(std::optional<Remembered> remembered, const DpsStanding& standing, const Context& context) {
  Supervisor supervisor{state::Halted{context.now}, {}, {}};
  supervisor.memory.remembered = remembered;
  supervisor.memory.dps_budget = standing.budget;
  supervisor.memory.dps_not_before = spared_until(standing, context);
  follow_the_clock(supervisor, context);
  Decision d(std::move(supervisor), context);
  if (remembered) {
    d.connect(what_is_remembered(*remembered, context.wall), remembered->assignment,
              state::Connecting::Origin::Remembered);
  } else {
    d.ask_dps_anew("no hub is known", Decision::Wish::Ours);
  }
  return std::move(d).take();
}

Step step(Supervisor supervisor, const Event& event, const Context& context) {
  follow_the_clock(supervisor, context);
  // A timer may fire early or after the state has changed: the deadline itself decides.
  if (std::holds_alternative<event::TimeReached>(event)) {
    if (context.now < deadline(supervisor.state)) return {std::move(supervisor), {}};
    if (auto* open = std::get_if<state::Connected>(&supervisor.state)) {
      if (context.now >= open->stable_at) session_is_stable(supervisor);
      open->until = next_moment(*open, context.now);
    }
  }
  // What DPS does with the device's questions is counted whatever state we are in by now.
  if (std::holds_alternative<event::RegistrationSent>(event)) return registration_sent(std::move(supervisor), context);
  if (std::holds_alternative<event::PollThrottled>(event)) {
    ++supervisor.status.dps_throttled;
    supervisor.memory.early_poll_from = context.now + k_early_poll_pause;
    return {std::move(supervisor), {}};
  }
  const State now = supervisor.state;
  Decision d(std::move(supervisor), context);
  std::visit([&](const auto& s) { in(s, event, d); }, now);
  return std::move(d).take();
}

}  // namespace iotc_ha::core
