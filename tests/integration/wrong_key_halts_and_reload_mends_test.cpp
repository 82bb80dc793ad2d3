#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using WrongKey = Scene;

TEST_F(WrongKey, HaltsAndAReloadWithTheRightKeyMendsIt) {
  start_lizard();
  configure();
  daemon().drop_in("30-key",
                   "[provisioning]\ngroup_symmetric_key = \"d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3JvbmcgLSE=\"\n");

  start_daemon();
  ASSERT_TRUE(await_state("Halted"));
  const Agent halted = bus().agent();
  EXPECT_EQ(halted.last_error_name, "DpsUnauthorized");
  EXPECT_GT(halted.next_attempt, halted.state_since) << "even then it asks again by itself";
  EXPECT_THAT(halted.state_reason, testing::HasSubstr("operator"));
  EXPECT_EQ(halted.current_hub, "");

  daemon().remove_drop_in("30-key");
  daemon().reload();
  ASSERT_TRUE(await_hub("hub-a"));

  EXPECT_EQ(daemon().states(), (States{"Provisioning", "Halted", "Provisioning", "Connecting", "Connected"}));
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().reconnect_count, 0U);
  expect_good_end();
}

TEST_F(WrongKey, AHaltedDaemonStopsAtOnce) {
  start_lizard();
  configure();
  daemon().drop_in("30-key",
                   "[provisioning]\ngroup_symmetric_key = \"d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3JvbmcgLSE=\"\n");
  start_daemon();
  ASSERT_TRUE(await_state("Halted"));
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
