#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using BusRestarts = Scene;

TEST_F(BusRestarts, DaemonGoesOnAndReturnsToTheBus) {
  begin();
  const auto connections = lizard().device(k_device).connections;

  restart_bus();
  ASSERT_TRUE(await_fresh_telemetry());
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.state == "Connected"; }));

  EXPECT_EQ(bus().agent().current_hub, lizard().address_of("hub-a"));
  EXPECT_EQ(lizard().device(k_device).connections, connections) << "the session has nothing to do with the bus";
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  EXPECT_EQ(bus().failovers().size(), 1U);
  expect_good_end();
}

TEST_F(BusRestarts, ADaemonThatStartsWithoutABusConnectsAndJoinsItLater) {
  start_lizard();
  configure();
  bus().stop();
  start_daemon();
  ASSERT_TRUE(await_fresh_telemetry());
  bus().start();
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.state == "Connected"; }));
  expect_no_telemetry_lost();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
