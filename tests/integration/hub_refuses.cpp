#include "hub_refuses.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {

void HubRefuses::daemon_asks_dps_at_once_and_moves() {
  begin("", k_dps_takes_its_time);
  const Mark before = mark();

  lizard().attack("hub-a", "refuse", {"--code", code_});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_THAT(bus().errors(before.change), testing::ElementsAre("ConnectionLost", fault_));
  EXPECT_EQ(lizard().status().hub("hub-a").refusals, 1U) << "a hub that has refused is not to be asked again";
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.current_hub, lizard().address_of("hub-b"));
  EXPECT_EQ(agent.previous_hub, lizard().address_of("hub-a"));
  EXPECT_EQ(agent.failover_count, 1U);
  EXPECT_EQ(agent.reconnect_count, 0U);
  show_failover("hub refuses with " + code_, before);
  expect_good_end();
}

void HubRefuses::if_dps_still_names_the_hub_the_daemon_waits_and_asks_again() {
  begin("[failover]\nsame_hub_wait = \"500ms\"\n", {"--no-auto-failover"});
  const Mark before = mark();

  lizard().attack("hub-a", "refuse", {"--code", code_});
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(bus().agent().last_error_name, fault_);
  EXPECT_EQ(bus().agent().current_hub, "");
  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connecting", "Connected"});
  EXPECT_EQ(lizard().status().hub("hub-a").refusals, 1U) << "only DPS was to be asked";
  EXPECT_EQ(bus().agent().failover_count, 1U);
  expect_good_end();
}

}  // namespace iotc_ha::integration
