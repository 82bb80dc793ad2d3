#include "harness/scene.hpp"
#include "harness/storm.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using AttackStorm = Scene;

TEST_F(AttackStorm, WhateverTheOrderOfBlowsTheDaemonComesBackWithEverything) {
  const unsigned seed = seed_of_this_run();
  begin(k_storm_pace);
  Storm storm(lizard(), k_device, seed);
  constexpr int k_blows = 15;
  for (int i = 0; i < k_blows; ++i) {
    storm.strike();
    // Not a wait for something to happen: the pause is the weather.
    EXPECT_FALSE(eventually([&] { return !daemon().running(); }, storm.pause())) << "the daemon has ended";
  }
  storm.calm();

  ASSERT_TRUE(eventually([&] { return !lizard().device(k_device).connected_to.empty(); }));
  ASSERT_TRUE(await_fresh_telemetry());
  ASSERT_TRUE(await_state("Connected"));
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.failover_count, bus().failovers().size());
  EXPECT_EQ(agent.current_hub, lizard().address_of(lizard().device(k_device).connected_to));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
