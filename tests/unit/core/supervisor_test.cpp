#include "life.hpp"

#include <gtest/gtest.h>

// Single promises of the policy that the table shows only in part.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

constexpr Instant k_now{1000s};
const Assignment k_a{"hub-a", "dev"};
const Remembered k_remembered{k_a, {}, ""};

Context context(Instant now = k_now, double chance = 0.5) {
  return {.now = now,
          .wall = WallTime{now.time_since_epoch()},
          .chance = chance,
          .policy = Policy::fast(),
          .token_life = 3600s};
}

Supervisor asking_dps(std::uint32_t waits_before = 0) {
  Supervisor supervisor{state::Provisioning{AttemptId{1}, k_now + 10s}, {}, {}};
  supervisor.memory.attempts_made = 1;
  supervisor.memory.dps_waits = waits_before;
  supervisor.memory.hub_waits = waits_before;
  return supervisor;
}

std::chrono::microseconds wait_after(const Supervisor& supervisor, Error error, double chance) {
  const Step after = step(supervisor, event::DpsFailed{AttemptId{1}, std::move(error)}, context(k_now, chance));
  return deadline(after.supervisor.state) - k_now;
}

TEST(Supervisor, NeverAsksDpsBeforeTheTimeThatItNamed) {
  for (const double chance : {0.0, 0.5, 0.999}) {
    EXPECT_GE(wait_after(asking_dps(), {Fault::DpsThrottled, "429001", 17s}, chance), 17s);
    EXPECT_GE(wait_after(asking_dps(9), {Fault::DpsUnavailable, "503", 40s}, chance), 40s);
  }
}

TEST(Supervisor, LeavesAThrottledDpsAloneForItsPollLimitAtLeast) {
  EXPECT_GE(wait_after(asking_dps(), {Fault::DpsThrottled, "429001", {}}, 0.0), 2s);
  EXPECT_GE(wait_after(asking_dps(), {Fault::DpsUnavailable, "500", {}}, 0.0), 5s);
  EXPECT_GE(wait_after(asking_dps(), {Fault::DpsFailed, "400209", {}}, 0.0), 30s);
}

TEST(Supervisor, SpreadsItsWaitsOverAGrowingRange) {
  EXPECT_EQ(wait_after(asking_dps(0), {Fault::Unreachable, "", {}}, 0.5), 500ms);
  EXPECT_EQ(wait_after(asking_dps(3), {Fault::Unreachable, "", {}}, 0.5), 4s);
  EXPECT_EQ(wait_after(asking_dps(30), {Fault::Unreachable, "", {}}, 0.5), 7500ms);
}

TEST(Supervisor, ForgetsItsWaitsOnlyAfterAStableMinute) {
  Supervisor supervisor{state::Connecting{AttemptId{1}, k_a, state::Connecting::Origin::Assigned, k_now + 10s}, {}, {}};
  supervisor.memory.dps_waits = 4;
  supervisor.memory.hub_waits = 4;
  supervisor.status.attempts = 9;
  Step after = step(supervisor, event::SessionOpened{AttemptId{1}}, context());
  EXPECT_EQ(after.supervisor.memory.hub_waits, 4U);
  EXPECT_EQ(deadline(after.supervisor.state), k_now + 60s);
  after = step(after.supervisor, event::TimeReached{}, context(k_now + 60s));
  EXPECT_EQ(after.supervisor.memory.hub_waits, 0U);
  EXPECT_EQ(after.supervisor.memory.dps_waits, 0U);
  EXPECT_EQ(after.supervisor.status.attempts, 0U);
  EXPECT_TRUE(after.effects.empty());
}

TEST(Supervisor, DoesNotRunInACircleAgainstAHubThatDropsEverySessionAtOnce) {
  Life life = Life::with_memory();
  const auto dropped_at_once = [&] {
    life.after(50ms).session_opens();
    life.after(1s).hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  };
  dropped_at_once();
  EXPECT_EQ(life.state(), "Reprovision(try hub-a)");  // the first may be chance
  dropped_at_once();
  EXPECT_EQ(life.state(), "Reprovision(try hub-a+dps)");  // the second may be a move: DPS is asked, once
  const auto asked = life.times_asked();
  const Instant begin = life.now();
  for (int i = 0; i < 12; ++i) {
    dropped_at_once();
    ASSERT_EQ(life.state(), "Backoff(hub)");
    life.until_the_deadline();
  }
  EXPECT_EQ(life.times_asked(), asked);
  EXPECT_GT(life.now() - begin, 1min);
}

TEST(Supervisor, WaitsTwiceAsLongEachTimeThatDpsNamesTheHubThatRefuses) {
  using R = state::Reprovision;
  const R asking{R::DpsAlone{{AttemptId{1}, "hub-a", k_now + 10s}}, k_now + 10s};
  Supervisor supervisor{asking, {}, {}};
  for (const auto expected : {5s, 10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    supervisor.state = asking;
    const Step after = step(supervisor, event::Assigned{AttemptId{1}, k_a, ""}, context());
    EXPECT_EQ(deadline(after.supervisor.state) - k_now, expected);
    supervisor = after.supervisor;
  }
}

TEST(Supervisor, TriesTheHubThatRefusedOnceMoreWhenDpsInsists) {
  Supervisor supervisor{state::Backoff{state::Backoff::Next::AskDps, k_now}, {}, {}};
  supervisor.memory.remembered = k_remembered;
  Step after = step(supervisor, event::TimeReached{}, context());
  EXPECT_EQ(told(after.supervisor.state), "Reprovision(dps)");
  after = step(after.supervisor, event::Assigned{AttemptId{after.supervisor.memory.attempts_made}, k_a, ""}, context());
  EXPECT_EQ(told(after.supervisor.state), "Connecting(hub-a,assigned)");
}

TEST(Supervisor, GivesEachAttemptAnIdOfItsOwn) {
  Step now = start({}, {}, context());
  const auto first = std::get<state::Provisioning>(now.supervisor.state).attempt;
  now = step(now.supervisor, event::Assigned{first, k_a, ""}, context());
  const auto second = std::get<state::Connecting>(now.supervisor.state).attempt;
  EXPECT_NE(first, second);
  const Step late = step(now.supervisor, event::HubLost{first, {Fault::Unreachable, "", {}}}, context());
  EXPECT_TRUE(late.effects.empty());
}

TEST(Supervisor, CountsFailuresInARowForTheJournal) {
  Supervisor supervisor = asking_dps();
  for (std::uint32_t i = 1; i <= 5; ++i) {
    const Step after = step(supervisor, event::DpsFailed{AttemptId{1}, {Fault::Unreachable, "", {}}}, context());
    const auto* announce = std::get_if<effect::Announce>(&after.effects.back());
    ASSERT_NE(announce, nullptr);
    EXPECT_EQ(announce->repeat, i);
    supervisor = after.supervisor;
    supervisor.state = state::Provisioning{AttemptId{1}, k_now + 10s};
  }
}

}  // namespace
}  // namespace iotc_ha::core::test
