#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using HubSilent = Scene;

TEST_F(HubSilent, WithTelemetryEachSecondTheMissingPubackTellsItAndTheDaemonMoves) {
  // With the limits that the program is shipped with: this is where its slowest failover is measured.
  begin("[sample]\ntelemetry_period = \"1s\"\n", k_dps_takes_its_time);
  const Mark before = mark();

  lizard().attack("hub-a", "unplug");
  ASSERT_TRUE(await_hub("hub-b", std::chrono::seconds{60}));
  ASSERT_TRUE(await_fresh_telemetry());

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  const auto errors = bus().errors(before.change);
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors.front(), "Silent");
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.previous_hub, lizard().address_of("hub-a"));
  EXPECT_EQ(agent.failover_count, 1U);
  EXPECT_EQ(agent.reconnect_count, 0U);
  show_failover("hub silent", before);
  expect_good_end();
}

TEST_F(HubSilent, TheReasonOfTheStateSaysThatAnAnswerIsLateBeforeTheHubIsGivenUp) {
  begin("[failover]\nsilent_after = \"15s\"\n");
  lizard().attack("hub-a", "unplug");
  ASSERT_TRUE(await_agent([](const Agent& agent) {
    return agent.state == "Connected" &&
           agent.state_reason.find("has not acknowledged a message for") != std::string::npos;
  }));
  ASSERT_TRUE(await_hub("hub-b", std::chrono::seconds{60}));
  expect_good_end();
}

TEST_F(HubSilent, WhereNothingIsSentTheMissingAnswerToAPingTellsIt) {
  start_lizard();
  configure("[hub]\nkeep_alive = \"2s\"\n[sample]\ntelemetry_send = false\nreported_property_send = false\n");
  start_daemon();
  ASSERT_TRUE(await_hub("hub-a"));
  const Mark before = mark();

  lizard().attack("hub-a", "unplug");
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 1U);
  show_failover("hub silent, nothing to send, keep-alive 2 s", before);
  expect_one_truth();
}

TEST_F(HubSilent, IfTheHubIsBackBeforeDpsHasDecidedTheDeviceStaysThere) {
  begin("[failover]\nsuspect_after = \"500ms\"\nsilent_after = \"1s\"\nearly_poll = false\n", k_dps_takes_its_time);
  const Mark before = mark();

  lizard().attack("hub-a", "unplug");
  ASSERT_TRUE(await_state("Reprovision"));
  lizard().revive("hub-a");  // it comes back as after a restart: what was open is reset
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.state == "Connected" && agent.reconnect_count == 1; }));

  const auto errors = bus().errors(before.change);
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors.front(), "Silent");
  EXPECT_EQ(bus().agent().current_hub, lizard().address_of("hub-a"));
  EXPECT_EQ(bus().agent().failover_count, 0U);
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
