#include "decision.hpp"

#include "narration.hpp"

#include <iotc_ha/core/backoff.hpp>

#include <algorithm>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

/// The worker ends an attempt at its own limit and can say what it was waiting for; the state's deadline is for a
/// worker that does not answer at all, so it comes a little later.
constexpr std::chrono::milliseconds k_worker_grace = 3s;  // above the drain of the session before

/// DPS takes five polls in ten seconds from one device; nothing is asked of it faster than that.
constexpr std::chrono::seconds k_dps_wait_min = 2s;
/// Microsoft's guidance for an overloaded service.
constexpr std::chrono::seconds k_dps_unavailable_wait_min = 5s;
/// An operator has to approve the device: IoT Central clears it within minutes at best.
constexpr std::chrono::seconds k_dps_failed_wait_min = 30s;

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

std::chrono::seconds least_wait(const Error& error) {
  switch (error.fault) {
    case Fault::DpsThrottled:
    case Fault::DpsConflict: return std::max(k_dps_wait_min, error.retry_after.value_or(k_dps_wait_min));
    case Fault::DpsUnavailable:
      return std::max(k_dps_unavailable_wait_min, error.retry_after.value_or(k_dps_unavailable_wait_min));
    case Fault::DpsFailed:
    case Fault::DpsProtocol: return std::max(k_dps_failed_wait_min, error.retry_after.value_or(k_dps_failed_wait_min));
    default: return error.retry_after.value_or(0s);  // the network: DPS was not troubled
  }
}

}  // namespace

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
  status.next_attempt = waits ? context_.wall + (deadline(next_.state) - context_.now) : WallTime{};
  const auto* open = std::get_if<state::Connected>(&next_.state);
  status.current_hub = open != nullptr ? open->at.hub : "";
  add(effect::Announce{from, to, std::move(line.hub), std::move(line.cause), from + " -> " + to + ": " + line.text,
                       line.repeat});
}

void Decision::ask_dps_for_the_first_time(const std::string& why) {
  const AttemptId attempt = new_attempt();
  const auto timeout = context_.policy.dps_timeout;
  add(effect::AskDps{attempt, timeout});
  enter(state::Provisioning{attempt, context_.now + timeout + k_worker_grace},
        {why + "; asking DPS", "", {}, waits_in_a_row()});
}

void Decision::ask_dps_again(const std::string& why, std::string avoid, const std::optional<Error>& cause) {
  const AttemptId attempt = new_attempt();
  const auto timeout = context_.policy.dps_timeout;
  add(effect::AskDps{attempt, timeout});
  enter(state::Reprovision{state::Reprovision::AskDps{attempt, std::move(avoid)},
                           context_.now + timeout + k_worker_grace},
        {why + "; asking DPS", next_.memory.last_hub, cause, waits_in_a_row()});
}

void Decision::try_remembered(const std::string& why, const Assignment& target, const std::optional<Error>& cause) {
  const AttemptId attempt = new_attempt();
  const auto timeout = context_.policy.remembered_timeout;
  add(effect::OpenSession{attempt, target, timeout});
  enter(state::Reprovision{state::Reprovision::TryRemembered{attempt, target}, context_.now + timeout + k_worker_grace},
        {why + "; trying " + target.hub + " once, then DPS", target.hub, cause, waits_in_a_row()});
}

void Decision::connect(const std::string& why, const Assignment& target, state::Connecting::Origin origin) {
  const AttemptId attempt = new_attempt();
  const auto timeout = origin == state::Connecting::Origin::Remembered ? context_.policy.remembered_timeout
                                                                       : context_.policy.connect_timeout;
  add(effect::OpenSession{attempt, target, timeout});
  enter(state::Connecting{attempt, target, origin, context_.now + timeout + k_worker_grace},
        {why + "; connecting to " + target.hub, target.hub, {}, waits_in_a_row()});
}

void Decision::connected(AttemptId attempt, const Assignment& at) {
  Memory& memory = next_.memory;
  Status& status = next_.status;
  std::string line = at.hub + " answers as device " + at.device_id;
  std::optional<effect::FailedOver> moved;
  if (!memory.last_hub.empty() && memory.last_hub != at.hub) {
    const auto duration = memory.lost_at ? context_.now - *memory.lost_at : std::chrono::microseconds::zero();
    ++status.failover_count;
    status.last_failover_duration = duration;
    status.previous_hub = memory.last_hub;
    line += "; moved here from " + memory.last_hub + " in " + spoken(duration);
    moved = effect::FailedOver{memory.last_hub, at.hub, duration};
  } else if (memory.lost_at) {
    ++status.reconnect_count;
    line += " again after " + spoken(context_.now - *memory.lost_at);
  }
  memory.last_hub = at.hub;
  memory.lost_at.reset();
  status.device_id = at.device_id;

  // Renewal at 80 % of the token's life, earlier by up to 5 %, so that devices that were switched on together do not
  // renew together.
  const std::chrono::microseconds life = context_.token_life;
  const auto renew_at =
      context_.now + life * 4 / 5 -
      std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(life.count()) / 20 * context_.chance)};
  const auto stable_at = context_.now + context_.policy.stable_after;
  enter(state::Connected{attempt, at, context_.now, stable_at, renew_at, std::min<Instant>(stable_at, renew_at)},
        {std::move(line), at.hub, {}, 0});
  if (moved) add(*std::move(moved));
}

void Decision::back_off(const std::string& why, std::chrono::milliseconds wait, state::Backoff::Next next,
                        const Error& cause, std::uint32_t repeat) {
  const bool hub = next == state::Backoff::Next::TryRemembered && next_.memory.remembered;
  enter(state::Backoff{next, context_.now + wait},
        {why + "; " + (hub ? "trying " + next_.memory.remembered->hub : "asking DPS again") + " in " + spoken(wait),
         next_.memory.last_hub, cause, repeat});
}

void Decision::halt(const std::string& why, const Error& cause) {
  const auto wait = doubling(context_.policy.halted_wait, context_.policy.halted_wait_max, next_.memory.halts++);
  enter(state::Halted{context_.now + wait},
        {why + "; an operator has to mend this, asking again in " + spoken(wait) + ", or at once after a reload",
         next_.memory.last_hub, cause, next_.memory.halts});
}

void Decision::stop(std::optional<AttemptId> session) {
  const auto drain = context_.policy.drain_timeout;
  if (session) add(effect::CloseSession{*session, drain});
  enter(state::Stopping{session, context_.now + drain + k_worker_grace},
        {session ? "asked to stop; closing the session" : "asked to stop", next_.memory.last_hub, {}, 0});
  if (!session) add(effect::End{});
}

void Decision::note_assignment(const Assignment& assignment) {
  Memory& memory = next_.memory;
  memory.dps_waits = 0;
  memory.halts = 0;
  if (memory.remembered == assignment) return;
  if (memory.remembered && memory.remembered->hub != assignment.hub) memory.same_hub_waits = 0;
  memory.remembered = assignment;
  add(effect::Remember{assignment});
}

void Decision::note_error(const Error& error) {
  next_.status.last_error = {std::string{name_of(error.fault)}, error.what, context_.wall};
}

void Decision::note_loss() {
  if (!next_.memory.lost_at) next_.memory.lost_at = context_.now;
}

void Decision::after_dps_failure(const Error& error) {
  note_error(error);
  const std::string why = spoken(error);
  if (!is_ours_to_wait_out(error.fault)) return halt(why, error);
  Memory& memory = next_.memory;
  const Policy& policy = context_.policy;
  const std::uint32_t round = memory.dps_waits++;
  const std::chrono::milliseconds least = least_wait(error);
  const auto jitter = least > 0s ? full_jitter(policy.dps_backoff_base, policy.dps_backoff_max, round, context_.chance)
                                 : full_jitter(policy.backoff_base, policy.backoff_max, round, context_.chance);
  back_off(why, least + jitter, memory.remembered ? state::Backoff::Next::TryRemembered : state::Backoff::Next::AskDps,
           error, round + 1);
}

void Decision::go_on(const std::string& why, bool hub_first) {
  const auto& remembered = next_.memory.remembered;
  if (!remembered) return ask_dps_for_the_first_time(why);
  if (hub_first) return try_remembered(why, Assignment{*remembered}, {});
  ask_dps_again(why, "", {});
}

}  // namespace iotc_ha::core
