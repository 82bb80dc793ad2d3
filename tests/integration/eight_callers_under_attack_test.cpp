#include "harness/arrivals.hpp"
#include "harness/scene.hpp"
#include "harness/storm.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace iotc_ha::integration {
namespace {

using EightCallersUnderAttack = Scene;

TEST_F(EightCallersUnderAttack, EveryOneOfAThousandMessagesArrivesInTheOrderOfItsCaller) {
  const unsigned seed = seed_of_this_run();
  begin_for_callers(k_storm_pace);
  Storm storm(lizard(), k_device, seed);
  Load load(bus().address(),
            {.callers = 8, .messages_each = 125, .under_way = 2, .pause_max = std::chrono::milliseconds{250}});
  unsigned blows = 0;
  while (!load.done()) {
    storm.strike();
    ++blows;
    // Not a wait for something to happen: the pause is the weather.
    EXPECT_FALSE(eventually([&] { return !daemon().running(); }, storm.pause())) << "the daemon has ended";
  }
  storm.calm();
  load.stop();

  EXPECT_TRUE(load.refusals().empty()) << "the first: " << load.refusals().begin()->first;
  ASSERT_TRUE(await_delivery(load.accepted(), std::chrono::seconds{60}));
  const Arrivals arrivals(lizard().telemetry());
  arrivals.expect(load.accepted());
  arrivals.expect_no_gap();
  EXPECT_EQ(arrivals.size(), 1'000U);
  std::cout << "figure: " << blows << " blows; " << arrivals.repeats() << " of 1000 messages came more than once\n";
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
