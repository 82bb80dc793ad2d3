#include "told.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <sstream>

// Every state x every event, as a table in transitions.golden that a reviewer can read. After a change that is meant,
// write it anew with IOTC_HA_UPDATE_GOLDEN=1 and read the difference.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

constexpr Instant k_now{1000s};
const Assignment k_a{"hub-a", "dev"};
const Assignment k_b{"hub-b", "dev"};
constexpr AttemptId k_own{7};
constexpr AttemptId k_old{3};

Context context_at(Instant now) {
  return {.now = now,
          .wall = WallTime{now.time_since_epoch()},
          .chance = 0.5,
          .policy = Policy::fast(),
          .token_life = 3600s};
}

struct Named {
  std::string name;
  State state;
};
std::vector<Named> states() {
  using state::Backoff;
  using state::Connecting;
  using R = state::Reprovision;
  const Instant until = k_now + 20s;
  const Instant head_start = k_now + 2s;
  const R::TryRemembered hub{k_own, k_a, until};
  const R::AskDps dps{k_own, "", until};
  const Error throttled{Fault::DpsThrottled, "…", {}};
  return {
      {"Provisioning", state::Provisioning{k_own, until}},
      {"Connecting, remembered", Connecting{k_own, k_a, Connecting::Origin::Remembered, head_start}},
      {"Connecting, remembered, at its end", Connecting{k_own, k_a, Connecting::Origin::Remembered, k_now + 13s}},
      {"Connecting, assigned", Connecting{k_own, k_a, Connecting::Origin::Assigned, until}},
      {"Connecting, renewal", Connecting{k_own, k_a, Connecting::Origin::Renewal, k_now + 4s}},
      {"Connected, not yet stable",
       state::Connected{k_own, k_a, k_now - 10s, until, k_now + 500s, k_now + 600s, false, until}},
      {"Connected, stable, token to be renewed",
       state::Connected{k_own, k_a, k_now - 90s, k_now - 30s, k_now - 5s, until, false, until}},
      {"Connected, suspected",
       state::Connected{k_own, k_a, k_now - 90s, k_now - 30s, k_now + 500s, k_now + 600s, true, until}},
      {"Reprovision, hub", R{R::HubAlone{hub, head_start}, head_start}},
      {"Reprovision, hub, DPS has failed", R{R::HubAlone{hub, Instant::max(), throttled}, until}},
      {"Reprovision, both", R{R::Both{hub, dps}, until}},
      {"Reprovision, both, the hub's end", R{R::Both{hub, {k_own, "", until + 90s}}, until}},
      {"Reprovision, DPS", R{R::DpsAlone{dps}, until}},
      {"Reprovision, DPS, refused", R{R::DpsAlone{{k_own, "hub-a", until}}, until}},
      {"Backoff, then hub", Backoff{Backoff::Next::TryRemembered, until}},
      {"Backoff, then DPS", Backoff{Backoff::Next::AskDps, until}},
      {"Halted", state::Halted{until}},
      {"Stopping, session open", state::Stopping{k_own, until}},
      {"Stopping", state::Stopping{{}, until}},
  };
}

struct NamedEvent {
  std::string name;
  Event event;
  bool at_deadline = false;

  [[nodiscard]] Instant when(const State& state) const { return at_deadline ? deadline(state) : k_now; }
};
std::vector<NamedEvent> events() {
  const auto error = [](Fault fault) { return Error{fault, "…", {}}; };
  return {
      {"DPS: hub-a", event::Assigned{k_own, k_a, ""}},
      {"DPS: hub-b", event::Assigned{k_own, k_b, "deviceDataMigrated"}},
      {"DPS: hub-b (old)", event::Assigned{k_old, k_b, ""}},
      {"DPS: throttled", event::DpsFailed{k_own, error(Fault::DpsThrottled)}},
      {"DPS: unreachable", event::DpsFailed{k_own, error(Fault::Unreachable)}},
      {"DPS: TLS refused", event::DpsFailed{k_own, error(Fault::TlsRefused)}},
      {"DPS: unauthorized", event::DpsFailed{k_own, error(Fault::DpsUnauthorized)}},
      {"DPS: our clock is wrong", event::DpsFailed{k_own, error(Fault::ClockWrong)}},
      {"DPS: disabled", event::DpsFailed{k_own, error(Fault::DpsDisabled)}},
      {"DPS: failed", event::DpsFailed{k_own, error(Fault::DpsFailed)}},
      {"DPS: failed (old)", event::DpsFailed{k_old, error(Fault::DpsFailed)}},
      {"register sent", event::RegistrationSent{k_own}},
      {"poll throttled", event::PollThrottled{k_own}},
      {"session opened", event::SessionOpened{k_own}},
      {"session opened (old)", event::SessionOpened{k_old}},
      {"hub: unreachable", event::HubLost{k_own, error(Fault::Unreachable)}},
      {"hub: connection lost", event::HubLost{k_own, error(Fault::ConnectionLost)}},
      {"hub: silent", event::HubLost{k_own, error(Fault::Silent)}},
      {"hub: TLS refused", event::HubLost{k_own, error(Fault::TlsRefused)}},
      {"hub: CONNACK 3", event::HubLost{k_own, error(Fault::HubUnavailable)}},
      {"hub: CONNACK 4", event::HubLost{k_own, error(Fault::HubBadCredentials)}},
      {"hub: CONNACK 5", event::HubLost{k_own, error(Fault::HubNotAuthorized)}},
      {"hub: lost (old)", event::HubLost{k_old, error(Fault::ConnectionLost)}},
      {"session closed", event::SessionClosed{k_own}},
      {"session closed (old)", event::SessionClosed{k_old}},
      {"suspected", event::Suspected{k_own, "…"}},
      {"suspected (old)", event::Suspected{k_old, "…"}},
      {"relieved", event::Relieved{k_own}},
      {"quiet", event::Quiet{k_own}},
      {"the world has changed", event::WorldChanged{"…"}},
      {"timer, early", event::TimeReached{}},
      {"timer, deadline", event::TimeReached{}, true},
      {"Reconnect()", event::ReconnectAsked{}},
      {"Reprovision()", event::ReprovisionAsked{}},
      {"reload, same", event::Reloaded{false, Remembered{k_a, {}, ""}}},
      {"reload, other, none known", event::Reloaded{true, {}}},
      {"reload, other, hub-b known", event::Reloaded{true, Remembered{k_b, {}, ""}}},
      {"stop", event::StopAsked{}},
  };
}

Supervisor before_in(const State& state) {
  Supervisor before{state, {}, {}};
  before.memory.attempts_made = 7;
  before.memory.remembered = Remembered{k_a, {}, ""};
  before.memory.last_hub = "hub-a";
  before.memory.opening_since = k_now;
  before.memory.usual_connect = 100ms;
  before.status.state = name_of(state);
  return before;
}

std::string table() {
  std::ostringstream out;
  for (const auto& [state_name, state] : states()) {
    out << "== " << state_name << "\n";
    for (const NamedEvent& named : events()) {
      const Instant now = named.when(state);
      const Step after = step(before_in(state), named.event, context_at(now));
      const std::string to = told(after.supervisor.state);
      const bool nothing = after.effects.empty() && to == told(state);
      out << std::left << std::setw(28) << named.name;
      if (nothing) {
        out << "-\n";
      } else {
        out << std::setw(36) << to << std::setw(10) << seconds(deadline(after.supervisor.state) - now)
            << told(after.effects) << "\n";
      }
    }
    out << "\n";
  }
  std::istringstream lines(out.str());
  std::string trimmed;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(' ') + 1);
    trimmed += line + "\n";
  }
  return trimmed;
}

TEST(Transitions, OfEveryStateAndEveryEventAreThoseOfTheGoldenTable) {
  const std::string now = table();
  if (std::getenv("IOTC_HA_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(IOTC_HA_GOLDEN_TRANSITIONS) << now;
    GTEST_SKIP() << "the golden table was written anew; read the difference";
  }
  std::ifstream file(IOTC_HA_GOLDEN_TRANSITIONS);
  ASSERT_TRUE(file) << IOTC_HA_GOLDEN_TRANSITIONS;
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(golden.str(), now) << "IOTC_HA_UPDATE_GOLDEN=1 writes the table anew";
}

TEST(Transitions, LeaveEveryStateWithADeadlineInTheFuture) {
  for (const auto& [state_name, state] : states()) {
    for (const NamedEvent& named : events()) {
      const Instant now = named.when(state);
      const Step after = step(before_in(state), named.event, context_at(now));
      const bool ended = std::holds_alternative<state::Stopping>(after.supervisor.state);
      EXPECT_TRUE(ended || deadline(after.supervisor.state) > now) << state_name << " x " << named.name;
    }
  }
}

TEST(Transitions, AreAnnouncedExactlyWhenTheStateIsEnteredAnew) {
  for (const auto& [state_name, state] : states()) {
    for (const NamedEvent& named : events()) {
      const Step after = step(before_in(state), named.event, context_at(named.when(state)));
      int announcements = 0;
      for (const Effect& effect : after.effects) {
        const auto* announce = std::get_if<effect::Announce>(&effect);
        if (announce == nullptr) continue;
        ++announcements;
        EXPECT_EQ(announce->from, name_of(state));
        EXPECT_EQ(announce->to, name_of(after.supervisor.state));
        EXPECT_EQ(announce->line.rfind(announce->from + " -> " + announce->to + ": ", 0), 0U) << announce->line;
      }
      EXPECT_LE(announcements, 1) << state_name << " x " << named.name;
      if (told(after.supervisor.state) != told(state)) {
        EXPECT_EQ(announcements, 1) << state_name << " x " << named.name;
      }
      EXPECT_EQ(after.supervisor.status.state, name_of(after.supervisor.state));
    }
  }
}

}  // namespace
}  // namespace iotc_ha::core::test
