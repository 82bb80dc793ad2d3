#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using DeviceDisabled = Scene;

TEST_F(DeviceDisabled, HaltsAndComesBackByItselfWhenEnabled) {
  begin("[failover]\nhalted_wait = \"500ms\"\nhalted_wait_max = \"1s\"\n");
  const Mark before = mark();

  lizard().act({"disable", k_device});
  ASSERT_TRUE(await_state("Halted"));
  EXPECT_EQ(bus().agent().last_error_name, "DpsDisabled");
  EXPECT_EQ(bus().agent().current_hub, "");
  lizard().act({"enable", k_device});
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Reprovision"}, {"Halted", "Provisioning"}, {"Connecting", "Connected"});
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().reconnect_count, 1U);
  expect_good_end();
}

TEST_F(DeviceDisabled, AnOperatorNeedNotWaitForTheNextAttempt) {
  begin("[failover]\nhalted_wait = \"10min\"\n");
  const Mark before = mark();

  lizard().act({"disable", k_device});
  ASSERT_TRUE(await_state("Halted"));
  lizard().act({"enable", k_device});
  bus().call("Reprovision");
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Reprovision", "Halted", "Provisioning", "Connecting", "Connected"});
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
