#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using SessionDropped = Scene;

TEST_F(SessionDropped, DaemonReturnsToTheLivingHubWithoutAskingDps) {
  begin();
  const std::string hub_a = lizard().address_of("hub-a");
  const auto registrations = lizard().device(k_device).registrations;
  const Mark before = mark();

  lizard().attack("hub-a", "drop");
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.state == "Connected" && agent.reconnect_count == 1; }));

  expect_states(before, {"Connected", "Reprovision", "Connected"});
  EXPECT_THAT(bus().errors(before.change), testing::ElementsAre("ConnectionLost"));
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.current_hub, hub_a);
  EXPECT_EQ(agent.failover_count, 0U);
  EXPECT_EQ(agent.last_failover_duration, 0U);
  EXPECT_TRUE(bus().failovers().empty());
  EXPECT_EQ(lizard().device(k_device).registrations, registrations);
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
