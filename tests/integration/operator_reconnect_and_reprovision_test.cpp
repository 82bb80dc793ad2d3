#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using Operator = Scene;

TEST_F(Operator, ReconnectOpensANewSessionOnTheSameHub) {
  begin();
  const auto registrations = lizard().device(k_device).registrations;
  const Mark before = mark();

  bus().call("Reconnect");
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connections == 2; }));
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Connecting", "Connected"});
  EXPECT_EQ(lizard().device(k_device).registrations, registrations);
  EXPECT_EQ(lizard().device(k_device).clean_disconnects, 1U);
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().last_error_name, "");
  EXPECT_THAT(bus().history().front().from, "Connecting");
  expect_good_end();
}

TEST_F(Operator, ReprovisionAsksDpsAndGoesWhereItSays) {
  begin();
  const auto registrations = lizard().device(k_device).registrations;
  const Mark before = mark();

  bus().call("Reprovision");
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connections == 2; }));
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Reprovision", "Connecting", "Connected"});
  EXPECT_EQ(lizard().device(k_device).registrations, registrations + 1);
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().last_error_name, "");
  expect_good_end();
}

TEST_F(Operator, AWaitEndsWhenReconnectIsAsked) {
  begin("[failover]\nbackoff_base = \"10min\"\nbackoff_max = \"20min\"\n");
  const Mark before = mark();
  lizard().attack("dps", "kill");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  lizard().revive("all");

  bus().call("Reconnect");
  ASSERT_TRUE(await_hub("hub-a"));

  expect_states(before, {"Connected", "Reprovision", "Backoff", "Reprovision", "Connected"});
  expect_good_end();
}

TEST_F(Operator, BusctlShowsTheInterfaceWithItsProperties) {
  begin();
  const Outcome tree = bus().busctl({"introspect", "io.github.iotc_ha", "/io/github/iotc_ha", "--no-pager"});
  ASSERT_EQ(tree.status, 0) << tree.err;
  for (const char* member :
       {"io.github.iotc_ha.Agent1", ".State", ".CurrentHub", ".Reconnect", ".GetHistory", ".FailedOver"}) {
    EXPECT_THAT(tree.out, testing::HasSubstr(member));
  }
  const Outcome level = bus().busctl(
      {"get-property", "io.github.iotc_ha", "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel"});
  EXPECT_EQ(level.out, "s \"debug\"\n") << level.err;
  const Outcome set = bus().busctl({"set-property", "io.github.iotc_ha", "/org/freedesktop/LogControl1",
                                    "org.freedesktop.LogControl1", "LogLevel", "s", "info"});
  EXPECT_EQ(set.status, 0) << set.err;
  const Outcome wrong = bus().busctl({"set-property", "io.github.iotc_ha", "/org/freedesktop/LogControl1",
                                      "org.freedesktop.LogControl1", "LogLevel", "s", "loud"});
  EXPECT_NE(wrong.status, 0);
  EXPECT_THAT(wrong.err, testing::HasSubstr("loud"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
