#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using MovedByCentral = Scene;

TEST_F(MovedByCentral, ManualFailoverAndFailbackMoveTheDeviceThereAndBack) {
  begin("", k_dps_takes_its_time);
  const std::string hub_a = lizard().address_of("hub-a");
  const std::string hub_b = lizard().address_of("hub-b");

  const Mark before = mark();
  const HttpAnswer over = lizard().central(k_device, "manual-failover", R"({"ttl":5})");
  ASSERT_EQ(over.status, 200) << over.body;
  ASSERT_TRUE(await_hub("hub-b"));
  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_THAT(bus().errors(before.change), testing::ElementsAre("ConnectionLost", "HubNotAuthorized"));
  EXPECT_EQ(bus().agent().failover_count, 1U);
  EXPECT_EQ(bus().agent().previous_hub, hub_a);
  show_failover("manual failover", before);
  ASSERT_TRUE(await_fresh_telemetry());

  const Mark moved = mark();
  const HttpAnswer back = lizard().central(k_device, "manual-failback", "");
  ASSERT_EQ(back.status, 200) << back.body;
  ASSERT_TRUE(await_hub("hub-a"));
  // The second loss came before the session was stable, so there is a wait before the hub is tried.
  expect_states(moved, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 2U);
  EXPECT_EQ(bus().agent().reconnect_count, 0U);
  EXPECT_EQ(bus().agent().current_hub, hub_a);
  EXPECT_EQ(bus().agent().previous_hub, hub_b);
  show_failover("manual failback", moved);
  expect_good_end();
}

TEST_F(MovedByCentral, WhenTheTimeOfAFailoverIsOverTheDeviceGoesHome) {
  begin();
  const Mark before = mark();

  lizard().act({"move", k_device, "hub-b", "--ttl", "5"});
  ASSERT_TRUE(await_hub("hub-b"));
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before,
                {"Connected", "Reprovision", "Connecting", "Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 2U);
  EXPECT_EQ(bus().failovers().size(), 2U);
  expect_good_end();
}

TEST_F(MovedByCentral, AHubThatRefusesAMovedDeviceWith3IsUnderstoodAsWell) {
  begin("", {"--refusal", "3"});
  const Mark before = mark();

  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().last_error_name, "HubUnavailable");
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
