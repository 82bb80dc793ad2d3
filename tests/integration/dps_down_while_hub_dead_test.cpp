#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace iotc_ha::integration {
namespace {

using DpsDownWhileHubDead = Scene;

TEST_F(DpsDownWhileHubDead, DaemonTriesBothInTurnAndMovesWhenDpsIsBack) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n", k_dps_takes_its_time);
  const Mark before = mark();

  lizard().attack("dps", "kill");
  lizard().attack("hub-a", "kill");
  const auto waits = [&] {
    const auto states = bus().states(before.state);
    return std::count(states.begin(), states.end(), "Backoff");
  };
  ASSERT_TRUE(eventually([&] { return waits() >= 3; }));
  EXPECT_EQ(bus().agent().current_hub, "");
  EXPECT_EQ(bus().agent().last_error_name, "Unreachable");
  EXPECT_TRUE(daemon().running());
  lizard().revive("dps");
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 1U);
  EXPECT_EQ(bus().agent().reconnect_count, 0U);
  show_failover("hub killed while DPS was down", before);
  expect_good_end();
}

TEST_F(DpsDownWhileHubDead, IfTheHubIsBackFirstDpsIsNotNeeded) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  const Mark before = mark();

  lizard().attack("dps", "kill");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  lizard().revive("hub-a");
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connected"});
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().reconnect_count, 1U);
  expect_good_end();
}

TEST_F(DpsDownWhileHubDead, AHangingDpsIsGivenUpInTimeToTryTheHubAgain) {
  begin("[failover]\ndps_timeout = \"2s\"\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  const Mark before = mark();

  lizard().attack("dps", "unplug");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  lizard().revive("hub-a");
  ASSERT_TRUE(await_hub("hub-a"));

  EXPECT_THAT(bus().errors(before.change), testing::Contains("TimedOut"));
  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connected"});
  expect_good_end();
}
TEST_F(DpsDownWhileHubDead, ADpsThatDoesNotDecideIsNotAskedFasterThanItWants) {
  start_lizard({"--assigning-polls", "1000", "--retry-after", "3"});
  configure("[failover]\ndps_timeout = \"1s\"\nbackoff_base = \"100ms\"\ndps_backoff_base = \"100ms\"\n");
  start_daemon();
  ASSERT_TRUE(await_state("Backoff"));
  const Agent waiting = bus().agent();
  EXPECT_EQ(waiting.last_error_name, "TimedOut");
  EXPECT_GE(waiting.next_attempt, waiting.state_since + 3'000'000U);
  expect_one_truth();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
