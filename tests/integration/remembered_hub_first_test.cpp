#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using RememberedHub = Scene;

TEST_F(RememberedHub, ARestartConnectsWithoutAskingDps) {
  begin();
  expect_good_end();
  const auto registrations = lizard().status().dps.registrations;
  const auto lived = bus().states().size();
  start_daemon();
  ASSERT_TRUE(eventually([&] { return bus().states().size() > lived; }));
  ASSERT_TRUE(await_hub("hub-a"));

  EXPECT_EQ(daemon().states(), (States{"Connecting", "Connected"}));
  EXPECT_EQ(lizard().status().dps.registrations, registrations);
  expect_good_end();
}

TEST_F(RememberedHub, ARestartConnectsWhileDpsIsDown) {
  begin();
  expect_good_end();
  lizard().attack("dps", "kill");
  start_daemon();
  ASSERT_TRUE(await_hub("hub-a"));
  expect_good_end();
}

TEST_F(RememberedHub, IfItIsDeadAfterARestartDpsIsAsked) {
  begin();
  expect_good_end();
  lizard().attack("hub-a", "kill");
  start_daemon();
  ASSERT_TRUE(await_hub("hub-b"));

  EXPECT_EQ(daemon().states(), (States{"Connecting", "Reprovision", "Connecting", "Connected"}));
  EXPECT_EQ(bus().agent().last_error_name, "Unreachable");
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
