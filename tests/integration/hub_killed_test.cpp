#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using HubKilled = Scene;

TEST_F(HubKilled, DaemonMovesToTheOtherHubAndLosesNothing) {
  begin("", k_dps_takes_its_time);
  const std::string hub_a = lizard().address_of("hub-a");
  const std::string hub_b = lizard().address_of("hub-b");
  const Mark before = mark();

  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_THAT(bus().errors(before.change), testing::ElementsAre("ConnectionLost", "Unreachable"));
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.current_hub, hub_b);
  EXPECT_EQ(agent.previous_hub, hub_a);
  EXPECT_EQ(agent.failover_count, 1U);
  EXPECT_EQ(agent.reconnect_count, 0U);
  EXPECT_EQ(agent.device_id, k_device);
  EXPECT_EQ(agent.next_attempt, 0U);
  const auto failovers = bus().failovers();
  ASSERT_EQ(failovers.size(), 1U);
  EXPECT_EQ(failovers[0].from, hub_a);
  EXPECT_EQ(failovers[0].to, hub_b);
  EXPECT_EQ(failovers[0].duration_us, agent.last_failover_duration);
  show_failover("hub killed", before);
  expect_good_end();
}

TEST_F(HubKilled, ARevivedHubIsNoReasonToMoveBack) {
  begin();
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  const Mark moved = mark();

  lizard().revive("hub-a");
  ASSERT_TRUE(await_fresh_telemetry());

  expect_states(moved, {"Connected"});
  EXPECT_EQ(lizard().device(k_device).connected_to, "hub-b");
  expect_good_end();
}

TEST_F(HubKilled, OneAfterTheOtherEachLossIsAnswered) {
  // Two losses in a row, the second before the session counts as stable: DPS is asked at once.
  begin();
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  const Mark moved = mark();

  lizard().revive("hub-a");
  lizard().attack("hub-b", "kill");
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(moved, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 2U);
  EXPECT_EQ(bus().agent().previous_hub, lizard().address_of("hub-b"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
