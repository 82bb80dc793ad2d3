#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using StopWhileDpsHangs = Scene;

TEST_F(StopWhileDpsHangs, EndsWithinFiveSeconds) {
  start_lizard();
  configure();
  lizard().attack("dps", "unplug");
  start_daemon();
  ASSERT_TRUE(await_state("Provisioning"));

  daemon().ask_to_stop();
  EXPECT_EQ(daemon().wait_for_end(std::chrono::seconds{5}), 0);
  EXPECT_EQ(daemon().states(), (States{"Provisioning", "Stopping"}));
}

TEST_F(StopWhileDpsHangs, AlsoBetweenTwoPolls) {
  start_lizard({"--assigning-polls", "1000", "--retry-after", "2"});
  configure();
  start_daemon();
  ASSERT_TRUE(eventually([&] { return lizard().status().dps.registrations > 0; }));

  daemon().ask_to_stop();
  EXPECT_EQ(daemon().wait_for_end(std::chrono::seconds{5}), 0);
  EXPECT_EQ(daemon().states(), (States{"Provisioning", "Stopping"}));
}
TEST_F(StopWhileDpsHangs, AlsoWhenItIsAskedAfterALoss) {
  begin();
  lizard().attack("dps", "unplug");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_journal("(Unreachable); asking DPS"));
  ASSERT_TRUE(await_state("Reprovision"));
  expect_clean_stop();
}

TEST_F(StopWhileDpsHangs, AlsoBetweenTwoAttempts) {
  begin("[failover]\nbackoff_base = \"10min\"\nbackoff_max = \"20min\"\n");
  lizard().attack("dps", "kill");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
