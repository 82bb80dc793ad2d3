#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using StopWhileConnecting = Scene;

TEST_F(StopWhileConnecting, EndsWithinFiveSeconds) {
  start_lizard({"--no-auto-failover"});
  configure();
  lizard().attack("hub-a", "unplug");
  start_daemon();
  ASSERT_TRUE(await_state("Connecting"));

  daemon().ask_to_stop();
  EXPECT_EQ(daemon().wait_for_end(std::chrono::seconds{5}), 0);
  EXPECT_EQ(daemon().states(), (States{"Provisioning", "Connecting", "Stopping"}));
  EXPECT_EQ(lizard().device(k_device).connections, 0U);
}

TEST_F(StopWhileConnecting, AlsoWithAnOpenSessionWhoseHubHasGoneSilent) {
  begin();
  lizard().attack("hub-a", "unplug");

  daemon().ask_to_stop();
  EXPECT_EQ(daemon().wait_for_end(std::chrono::seconds{5}), 0);
  EXPECT_EQ(daemon().states().back(), "Stopping");
}

}  // namespace
}  // namespace iotc_ha::integration
