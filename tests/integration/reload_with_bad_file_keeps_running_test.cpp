#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using Reload = Scene;

TEST_F(Reload, ABadFileIsNamedAndTheRunningConfigurationStaysInForce) {
  begin();
  const Mark before = mark();

  daemon().drop_in("30-bad", "[failover]\nbackoff_base = \"soon\"\n[sample]\ntelemetry_send = false\n");
  daemon().reload();
  ASSERT_TRUE(await_journal("30-bad.conf:2: failover.backoff_base: "));
  ASSERT_TRUE(await_journal("stays in force"));
  ASSERT_TRUE(await_fresh_telemetry());

  expect_states(before, {"Connected"});
  EXPECT_EQ(lizard().device(k_device).connections, 1U);

  // Mended, it is taken.
  daemon().drop_in("30-bad", "[failover]\nbackoff_base = \"2s\"\n");
  daemon().reload();
  ASSERT_TRUE(await_journal("reloaded"));
  expect_states(before, {"Connected"});
  expect_good_end();
}

TEST_F(Reload, AChangedConnectionSettingOpensANewSession) {
  begin();
  const Mark before = mark();

  daemon().drop_in("30-hub", "[hub]\nkeep_alive = \"20s\"\n");
  daemon().reload();
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connections == 2; }));
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().reconnect_count, 0U) << "nothing was lost";
  expect_good_end();
}
TEST_F(Reload, AnotherDeviceIdAndModelAreRegisteredAnew) {
  begin();
  const Mark before = mark();

  daemon().drop_in("30-device", "[device]\nid = \"failover-other\"\nmodel_id = \"dtmi:Sample:Failover;2\"\n");
  daemon().reload();
  ASSERT_TRUE(eventually([&] { return lizard().device("failover-other").connected_to == "hub-a"; }));
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.device_id == "failover-other"; }));

  expect_states(before, {"Connected", "Provisioning", "Connecting", "Connected"});
  EXPECT_EQ(bus().agent().model_id, "dtmi:Sample:Failover;2");
  EXPECT_EQ(lizard().device("failover-other").model_id, "dtmi:Sample:Failover;2");
  EXPECT_EQ(lizard().device(k_device).connected_to, "");
  EXPECT_EQ(lizard().device(k_device).clean_disconnects, 1U);
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
