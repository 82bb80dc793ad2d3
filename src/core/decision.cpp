#include "decision.hpp"

#include "narration.hpp"

#include <iotc_ha/core/backoff.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

/// DPS takes five polls in ten seconds from one device; nothing is asked of it faster than that.
constexpr std::chrono::seconds k_dps_wait_min = 2s;
/// Microsoft's guidance for an overloaded service.
constexpr std::chrono::seconds k_dps_unavailable_wait_min = 5s;
/// An operator has to approve the device: IoT Central clears it within minutes at best.
constexpr std::chrono::seconds k_dps_failed_wait_min = 30s;
/// What time alone does not mend, a certificate or a clock, is not tried in a quick circle.
constexpr std::chrono::seconds k_unmended_wait_min = 5s;

/// For so long at most a hub that DPS names, and that is dead, is tried before DPS is asked again ("fast").
constexpr std::chrono::milliseconds k_named_hub_alone_max = 60s;

bool is_ours_to_wait_out(Fault fault) {
  switch (fault) {
    case Fault::DpsUnauthorized:
    case Fault::DpsForbidden:
    case Fault::DpsNotFound:
    case Fault::DpsDisabled:
    case Fault::BadConfiguration:
    case Fault::BadCredential: return false;
    default: return true;
  }
}

/// What DPS is left alone for at least. Nothing where it was not troubled: the question got no further than the
/// network.
std::chrono::seconds least_wait(const Error& error) {
  const auto at_least = [&](std::chrono::seconds least) {
    return std::max(least, std::min(error.retry_after.value_or(least), k_retry_after_max));
  };
  switch (error.fault) {
    case Fault::DpsThrottled:
    case Fault::DpsConflict: return at_least(k_dps_wait_min);
    case Fault::DpsUnavailable: return at_least(k_dps_unavailable_wait_min);
    case Fault::DpsFailed:
    case Fault::DpsProtocol: return at_least(k_dps_failed_wait_min);
    default: return at_least(0s);
  }
}

/// Nobody but this machine or its network can mend it, so DPS need not be spared.
bool is_unmended_here(Fault fault) { return fault == Fault::ClockWrong || fault == Fault::TlsRefused; }

std::chrono::milliseconds jitter(std::chrono::milliseconds most, double chance) {
  return full_jitter(most, most, 0, chance);
}

std::string named(const Assignment& hub, std::chrono::microseconds wait) {
  return "trying " + hub.hub + " in " + spoken(wait);
}

}  // namespace

bool is_refusal(Fault fault) {
  return fault == Fault::HubUnavailable || fault == Fault::HubBadCredentials || fault == Fault::HubNotAuthorized;
}

bool is_lasting(Fault fault) { return is_refusal(fault) || fault == Fault::HubProtocol || fault == Fault::TlsRefused; }

DpsStanding standing_of(const Memory& memory, const Context& context) {
  DpsStanding standing{memory.dps_budget, {}};
  if (memory.dps_not_before && *memory.dps_not_before > context.now) {
    standing.not_before = context.wall + (*memory.dps_not_before - context.now);
  }
  return standing;
}

AttemptId Decision::new_attempt() {
  ++next_.status.attempts;
  return AttemptId{++next_.memory.attempts_made};
}

std::uint32_t Decision::waits_in_a_row() const {
  const Memory& memory = next_.memory;
  return std::max({memory.hub_waits, memory.dps_waits, memory.same_hub_waits, memory.halts});
}

void Decision::enter(State state, Line line) {
  const std::string from = next_.status.state.empty() ? "Start" : next_.status.state;
  const std::string to{name_of(state)};
  next_.state = std::move(state);
  Status& status = next_.status;
  if (status.state != to) status.state_since = context_.wall;
  status.state = to;
  status.state_reason = line.text;
  const bool waits =
      std::holds_alternative<state::Backoff>(next_.state) || std::holds_alternative<state::Halted>(next_.state);
  status.next_attempt = waits ? context_.wall + (deadline(next_.state) - now()) : WallTime{};
  const auto* session = std::get_if<state::Connected>(&next_.state);
  status.current_hub = session != nullptr ? session->at.hub : "";
  add(effect::Announce{from, to, std::move(line.hub), std::move(line.cause), from + " -> " + to + ": " + line.text,
                       line.repeat});
}

state::Reprovision::TryRemembered Decision::open(const Assignment& target, std::chrono::milliseconds timeout) {
  const AttemptId attempt = new_attempt();
  add(effect::OpenSession{attempt, target, timeout});
  next_.memory.opening_since = now();
  return {attempt, target, now() + timeout + k_worker_grace};
}

state::Reprovision::AskDps Decision::ask(std::string avoid) {
  const AttemptId attempt = new_attempt();
  const auto timeout = policy().dps_timeout;
  const auto& early_from = next_.memory.early_poll_from;
  add(effect::AskDps{attempt, timeout, policy().early_poll && (!early_from || *early_from <= now())});
  return {attempt, std::move(avoid), now() + timeout + k_worker_grace};
}

std::optional<Decision::Pause> Decision::pause() const {
  const Memory& memory = next_.memory;
  std::optional<Pause> pause;
  if (memory.dps_not_before && *memory.dps_not_before > now()) {
    pause = Pause{*memory.dps_not_before, "it is to be left alone until then"};
  }
  const Instant paid = now() + (memory.dps_budget.next(policy().dps_budget, context_.wall) - context_.wall);
  if (paid > now() && (!pause || paid > pause->until)) {
    pause = Pause{paid, "the budget of " + std::to_string(policy().dps_budget) + " questions an hour to DPS is spent"};
  }
  return pause;
}

std::chrono::microseconds Decision::head_start() const {
  const auto& usual = next_.memory.usual_connect;
  return std::max<std::chrono::microseconds>(policy().head_start, usual ? 2 * *usual : k_head_start_unknown);
}

Instant Decision::dps_beside(std::chrono::microseconds head_start) {
  Memory& memory = next_.memory;
  const auto patience = policy().hub_patience;
  if (patience > 0ms && !memory.dps_from) memory.dps_from = now() + patience + jitter(patience, context_.chance);
  Instant at = now() + head_start;
  if (memory.dps_from) at = std::max(at, *memory.dps_from);
  if (const auto forbidden = pause()) at = std::max(at, forbidden->until);
  return at;
}

void Decision::give_hub_its_time() {
  Memory& memory = next_.memory;
  const auto patience = policy().hub_patience;
  if (patience > 0ms) {
    memory.dps_from = now() + patience + jitter(patience, context_.chance);
  } else {
    // Not for long: it is DPS that will know first where the device is to go. The budget allows a question a minute.
    memory.dps_from = now() + doubling(policy().same_hub_wait, k_named_hub_alone_max, memory.same_hub_waits++);
  }
}

std::string Decision::dps_later(Instant then) const {
  const auto& from = next_.memory.dps_from;
  const auto forbidden = pause();
  if (forbidden && forbidden->until > then && (!from || forbidden->until >= *from)) {
    return ", DPS in " + spoken(forbidden->until - now()) + ": " + forbidden->why;
  }
  if (from && *from > then) return ", DPS in " + spoken(*from - now()) + " unless the hub refuses";
  return "";
}

std::string Decision::dps_beside_words(Instant at, std::chrono::microseconds head_start) const {
  const std::string later = dps_later(now() + head_start);
  return later.empty() ? ", asking DPS beside it in " + spoken(at - now()) : later;
}

void Decision::wait_for_dps(const std::string& why, const Pause& pause, bool hub_said_no,
                            const std::optional<Error>& cause) {
  Memory& memory = next_.memory;
  std::chrono::microseconds wait = pause.until - now();
  if (!memory.remembered) return back_off(why, wait, state::Backoff::Next::AskDps, cause, waits_in_a_row());
  // Meanwhile the hub is there to be tried, be it that it has said no: a device that was disabled may be enabled again.
  const auto hub_wait =
      hub_said_no ? doubling(policy().same_hub_wait, policy().same_hub_wait_max, memory.same_hub_waits++)
                  : full_jitter(policy().backoff_base, policy().backoff_max, memory.hub_waits++, context_.chance);
  wait = std::min<std::chrono::microseconds>(wait, hub_wait);
  back_off(why, wait, state::Backoff::Next::TryRemembered, cause, waits_in_a_row());
}

void Decision::ask_dps_anew(const std::string& why, Wish wish) {
  if (wish == Wish::Ours) {
    if (const auto forbidden = pause()) {
      return back_off(why, forbidden->until - now(), state::Backoff::Next::AskDps, {}, waits_in_a_row());
    }
  }
  const auto question = ask("");
  enter(state::Provisioning{question.attempt, question.until}, {why + "; asking DPS", "", {}, waits_in_a_row()});
}

void Decision::ask_dps(const std::string& why, std::string avoid, const std::optional<Error>& cause, Wish wish) {
  if (wish == Wish::Ours) {
    if (const auto forbidden = pause()) return wait_for_dps(why, *forbidden, !avoid.empty(), cause);
  }
  if (!next_.memory.remembered) return ask_dps_anew(why, wish);
  const auto question = ask(std::move(avoid));
  enter(state::Reprovision{state::Reprovision::DpsAlone{question}, question.until},
        {why + "; asking DPS", next_.memory.last_hub, cause, waits_in_a_row()});
}

std::chrono::milliseconds Decision::opening_timeout(state::Connecting::Origin origin) const {
  // A remembered hub may be dead; one that has just been named, or was open a moment ago, is worth waiting for.
  return origin == state::Connecting::Origin::Remembered ? policy().remembered_timeout : policy().connect_timeout;
}

void Decision::connect(const std::string& why, const Assignment& target, state::Connecting::Origin origin) {
  using Origin = state::Connecting::Origin;
  std::string next = "connecting to " + target.hub;
  const auto hub = open(target, opening_timeout(origin));
  Instant until = hub.until;
  if (origin != Origin::Assigned) {
    // A planned new session waits for the drain of the old one, and is nothing to make haste about.
    const std::chrono::microseconds start =
        origin == Origin::Renewal ? policy().drain_timeout + k_head_start_unknown : head_start();
    const Instant dps_at = dps_beside(start);
    until = std::min(until, dps_at);
    if (origin == Origin::Remembered) next += dps_beside_words(dps_at, start);
  }
  enter(state::Connecting{hub.attempt, target, origin, until}, {why + "; " + next, target.hub, {}, waits_in_a_row()});
}

void Decision::connected(AttemptId attempt, const Assignment& at) {
  Memory& memory = next_.memory;
  Status& status = next_.status;
  std::string line = at.hub + " answers as device " + at.device_id;
  std::optional<effect::FailedOver> moved;
  if (!memory.last_hub.empty() && memory.last_hub != at.hub) {
    const auto duration = memory.lost_at ? now() - *memory.lost_at : 0us;
    ++status.failover_count;
    status.last_failover_duration = duration;
    status.previous_hub = memory.last_hub;
    line += "; moved here from " + memory.last_hub + " in " + spoken(duration);
    moved = effect::FailedOver{memory.last_hub, at.hub, duration};
  } else if (memory.lost_at) {
    ++status.reconnect_count;
    line += " again after " + spoken(now() - *memory.lost_at);
  }
  if (memory.opening_since) {
    const auto took = now() - *memory.opening_since;
    memory.usual_connect = memory.usual_connect ? (7 * *memory.usual_connect + took) / 8 : took;
  }
  memory.last_hub = at.hub;
  memory.lost_at.reset();
  memory.dps_from.reset();
  memory.opening_since.reset();
  memory.suspicions = 0;
  status.device_id = at.device_id;

  // Renewal at the first quiet moment from somewhere in 70 to 85 % of the token's life on: devices that were switched
  // on together, and fall quiet together, must not renew together. At 90 % it waits for no quiet moment any more.
  const std::chrono::microseconds life = context_.token_life;
  const auto part = [&](double of) {
    return std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(life.count()) * of)};
  };
  const auto stable_at = now() + policy().stable_after;
  const auto renew_from = now() + part(0.70 + 0.15 * context_.chance);
  const auto renew_at = now() + life / 10 * 9;
  enter(state::Connected{attempt, at, now(), stable_at, renew_from, renew_at, false,
                         std::min<Instant>(stable_at, renew_from)},
        {std::move(line), at.hub, {}, 0});
  if (moved) add(*std::move(moved));
}

void Decision::back_off(const std::string& why, std::chrono::microseconds wait, state::Backoff::Next next,
                        const std::optional<Error>& cause, std::uint32_t repeat) {
  std::string plan;
  if (next == state::Backoff::Next::TryRemembered && next_.memory.remembered) {
    plan = named(next_.memory.remembered->assignment, wait) + dps_later(now() + wait);
  } else {
    plan = "asking DPS" + std::string{cause ? " again" : ""} + " in " + spoken(wait);
    if (const auto forbidden = pause(); forbidden && forbidden->until == now() + wait) plan += ": " + forbidden->why;
  }
  enter(state::Backoff{next, now() + wait}, {why + "; " + plan, next_.memory.last_hub, cause, repeat});
}

void Decision::back_off_hub(const std::string& why, const Error& cause) {
  const auto round = next_.memory.hub_waits++;
  back_off(why, full_jitter(policy().backoff_base, policy().backoff_max, round, context_.chance),
           state::Backoff::Next::TryRemembered, cause, round + 1);
}

void Decision::back_off_same_hub(const std::string& why, const Error& cause) {
  const auto round = next_.memory.same_hub_waits++;
  std::chrono::microseconds wait = doubling(policy().same_hub_wait, policy().same_hub_wait_max, round);
  if (const auto forbidden = pause()) wait = std::max(wait, forbidden->until - now());
  back_off(why, wait, state::Backoff::Next::AskDps, cause, round + 1);
}

void Decision::halt(const std::string& why, std::chrono::microseconds wait, const std::optional<Error>& cause) {
  enter(state::Halted{now() + wait},
        {why + "; an operator has to mend this, asking again in " + spoken(wait) + ", or at once after a reload",
         next_.memory.last_hub, cause, next_.memory.halts});
}

void Decision::stop(std::optional<AttemptId> session) {
  const auto drain = policy().drain_timeout;
  if (session) add(effect::CloseSession{*session, drain});
  enter(state::Stopping{session, now() + drain + k_worker_grace},
        {session ? "asked to stop; closing the session" : "asked to stop", next_.memory.last_hub, {}, 0});
  if (!session) add(effect::End{});
}

void Decision::note_assignment(const Assignment& assignment, const std::string& why) {
  Memory& memory = next_.memory;
  memory.dps_waits = 0;
  memory.halts = 0;
  spare_dps({});
  if (memory.remembered && memory.remembered->assignment.hub != assignment.hub) {
    memory.hub_waits = 0;
    memory.same_hub_waits = 0;
    memory.dps_from.reset();
  }
  // Also when nothing but the time is new: an operator who reads it wants to know when DPS said so last.
  memory.remembered = Remembered{assignment, context_.wall, why};
  add(effect::Remember{*memory.remembered});
}

void Decision::note_error(const Error& error) {
  next_.status.last_error = {std::string{name_of(error.fault)}, error.what, context_.wall};
}

void Decision::note_loss() {
  if (!next_.memory.lost_at) next_.memory.lost_at = now();
}

void Decision::note_dps_failure(const Error& error) {
  note_error(error);
  if (error.fault == Fault::DpsThrottled) ++next_.status.dps_throttled;
  const auto least = least_wait(error);
  if (least == 0s) return;
  const auto& before = next_.memory.dps_not_before;
  const auto round = next_.memory.dps_waits++;
  const Instant until =
      now() + least + full_jitter(policy().dps_backoff_base, policy().dps_backoff_max, round, context_.chance);
  // An operator may have asked over what DPS had wanted before; that holds for us still.
  spare_dps(before ? std::max(*before, until) : until);
}

void Decision::spare_dps(std::optional<Instant> until) {
  auto& not_before = next_.memory.dps_not_before;
  if (std::exchange(not_before, until) != until) add(effect::KeepStanding{standing_of(next_.memory, context_)});
}

void Decision::rest_after_dps(const std::string& why, const Error& error, const std::string& avoid) {
  Memory& memory = next_.memory;
  if (!is_ours_to_wait_out(error.fault)) {
    return halt(why, doubling(policy().halted_wait, policy().halted_wait_max, memory.halts++), error);
  }
  const auto hub = memory.remembered ? state::Backoff::Next::TryRemembered : state::Backoff::Next::AskDps;
  if (is_unmended_here(error.fault)) {
    const auto round = memory.dps_waits++;
    const auto wait =
        k_unmended_wait_min + full_jitter(policy().dps_backoff_base, policy().dps_backoff_max, round, context_.chance);
    // With a wrong clock the hub takes our token as little as DPS does.
    return back_off(why, wait, error.fault == Fault::ClockWrong ? state::Backoff::Next::AskDps : hub, error, round + 1);
  }
  const std::chrono::microseconds hub_wait =
      full_jitter(policy().backoff_base, policy().backoff_max, memory.hub_waits, context_.chance);
  const auto forbidden = pause();
  if (forbidden && (!memory.remembered || !avoid.empty())) {
    return back_off(why, forbidden->until - now(), hub, error, waits_in_a_row());
  }
  // Nobody has to be spared: the network is at fault, or the hub can be tried while DPS is left alone.
  ++memory.hub_waits;
  if (!forbidden)
    return back_off(why, hub_wait, avoid.empty() ? hub : state::Backoff::Next::AskDps, error, waits_in_a_row());
  back_off(why, std::min(hub_wait, forbidden->until - now()), hub, error, waits_in_a_row());
}

}  // namespace iotc_ha::core
