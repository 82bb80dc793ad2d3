#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using HubRefusesWith5 = Scene;

TEST_F(HubRefusesWith5, DaemonAsksDpsAtOnceAndMoves) {
  begin("", k_dps_takes_its_time);
  const Mark before = mark();

  lizard().attack("hub-a", "refuse", {"--code", "5"});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_THAT(bus().errors(before.change), testing::ElementsAre("ConnectionLost", "HubNotAuthorized"));
  EXPECT_EQ(lizard().status().hub("hub-a").refusals, 1U) << "a hub that has refused is not to be asked again";
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.current_hub, lizard().address_of("hub-b"));
  EXPECT_EQ(agent.previous_hub, lizard().address_of("hub-a"));
  EXPECT_EQ(agent.failover_count, 1U);
  EXPECT_EQ(agent.reconnect_count, 0U);
  show_failover("hub refuses with 5", before);
  expect_good_end();
}

TEST_F(HubRefusesWith5, IfDpsStillNamesTheHubTheDaemonWaitsAndAsksAgain) {
  begin("[failover]\nsame_hub_wait = \"500ms\"\n", {"--no-auto-failover"});
  const Mark before = mark();

  lizard().attack("hub-a", "refuse", {"--code", "5"});
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(bus().agent().last_error_name, "HubNotAuthorized");
  EXPECT_EQ(bus().agent().current_hub, "");
  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connecting", "Connected"});
  EXPECT_EQ(lizard().status().hub("hub-a").refusals, 1U) << "only DPS was to be asked";
  EXPECT_EQ(bus().agent().failover_count, 1U);
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
