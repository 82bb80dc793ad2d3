#include "core_device.hpp"

#include <optional>
#include <string>
#include <utility>

namespace iotc_ha::bench {
namespace {

using namespace std::chrono_literals;
using Kind = Happening::Kind;

const std::string k_lost_hub = "hub-a.example";
const std::string k_other_hub = "hub-b.example";

core::WallTime wall_of(Instant now) { return core::WallTime{now.time_since_epoch() + std::chrono::hours{500'000}}; }

std::uint32_t number(core::AttemptId attempt) { return static_cast<std::uint32_t>(attempt); }

/// The event that a happening is for the core. A hub that is full and closes without CONNACK has the fault that
/// src/hub gives to it.
core::Event event_of(const Happening& happening, const Scenario& scenario, core::AttemptId session) {
  using core::Fault;
  const core::AttemptId attempt{happening.attempt};
  switch (happening.kind) {
    case Kind::SessionLost: return core::event::HubLost{session, {Fault::ConnectionLost, "hub-a: reset", {}}};
    case Kind::Opened: return core::event::SessionOpened{attempt};
    case Kind::Unreachable: return core::event::HubLost{attempt, {Fault::Unreachable, "hub: refused", {}}};
    case Kind::HubFull: return core::event::HubLost{attempt, {Fault::Unreachable, "hub: closed", {}}};
    case Kind::HubRefuses: return core::event::HubLost{attempt, {Fault::HubUnavailable, "hub: unavailable", {}}};
    case Kind::Throttled:
      return core::event::DpsFailed{attempt, {Fault::DpsThrottled, "DPS: 429", scenario.retry_after}};
    case Kind::Assigned:
      return core::event::Assigned{attempt, {happening.hub == Hub::Lost ? k_lost_hub : k_other_hub, "device"}, ""};
    case Kind::Woken:
    case Kind::PollDue: break;
  }
  return core::event::TimeReached{};
}

}  // namespace

CoreRules::CoreRules(const core::Policy& policy) {
  context.policy = policy;
  // Renewals would be counted among the connects; a fleet does them all the time, disaster or not.
  context.token_life = std::chrono::hours{24 * 30};
  context.now = Fleet::k_disaster - 1h;
  context.wall = wall_of(context.now);
  context.chance = 0.5;
  auto step = core::start(core::Remembered{{k_lost_hub, "device"}, context.wall, ""}, {}, context);
  const auto attempt = std::get<core::state::Connecting>(step.supervisor.state).attempt;
  step = core::step(std::move(step.supervisor), core::event::SessionOpened{attempt}, context);
  context.now += 30min;
  context.wall = wall_of(context.now);
  connected = core::step(std::move(step.supervisor), core::event::TimeReached{}, context).supervisor;
}

void CoreDevice::on(const Happening& happening, Fleet& fleet) {
  core::AttemptId session{};
  if (happening.kind == Kind::SessionLost) session = std::get<core::state::Connected>(supervisor_.state).attempt;
  if (happening.kind == Kind::Woken) {
    if (happening.at != armed_) return;  // another alarm has taken its place
    armed_ = Instant::max();
  }
  step(event_of(happening, fleet.scenario(), session), happening.device, fleet);
  const Instant deadline = core::deadline(supervisor_.state);
  if (deadline >= armed_) return;  // that one comes first, and is early then: the core says again when
  armed_ = fleet.wake(happening.device, 0, deadline);
}

void CoreDevice::step(const core::Event& event, std::uint32_t device, Fleet& fleet) {
  core::Context& context = rules_.context;
  context.now = fleet.now();
  context.wall = wall_of(context.now);
  context.chance = fleet.chance();
  core::Step next = core::step(std::move(supervisor_), event, context);
  supervisor_ = std::move(next.supervisor);
  std::optional<core::Event> follows;
  for (const core::Effect& effect : next.effects) {
    if (const auto* ask = std::get_if<core::effect::AskDps>(&effect)) {
      fleet.ask_dps(device, number(ask->attempt), ask->early_poll ? Polls::Early : Polls::AsTold);
      follows = core::event::RegistrationSent{ask->attempt};
    } else if (std::holds_alternative<core::effect::CancelDps>(effect)) {
      fleet.cancel_dps(device);
    } else if (const auto* open = std::get_if<core::effect::OpenSession>(&effect)) {
      fleet.connect(device, number(open->attempt), open->target.hub == k_lost_hub ? Hub::Lost : Hub::Other);
    }
  }
  if (follows) step(*follows, device, fleet);
}

}  // namespace iotc_ha::bench
