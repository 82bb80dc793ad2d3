#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
TEST_F(SessionDropped, EachLossIsInTheJournalHoweverOftenItComes) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"200ms\"\n[log]\nlevel = \"info\"\n");
  constexpr std::uint64_t k_losses = 5;
  for (std::uint64_t loss = 1; loss <= k_losses; ++loss) {
    lizard().attack("hub-a", "drop");
    ASSERT_TRUE(
        await_agent([&](const Agent& agent) { return agent.state == "Connected" && agent.reconnect_count == loss; }));
  }

  const auto transitions = daemon().transitions();
  EXPECT_EQ(std::count_if(transitions.begin(), transitions.end(),
                          [](const Transition& transition) { return transition.from == "Connected"; }),
            k_losses);
  expect_no_telemetry_lost();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
