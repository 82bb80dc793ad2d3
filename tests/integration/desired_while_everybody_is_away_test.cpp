#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using DesiredWhileAway = Conversation;

TEST_F(DesiredWhileAway, IsDeliveredWhenDaemonAndClaimerAreBack) {
  begin_conversation();
  claimer_of_properties({"target", "mode"}).reset();
  expect_clean_stop();
  lizard().desired(k_device, R"({"target":20})");
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21,"mode":"eco","other":1})");
  restart_killed_daemon("hub-a");
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connections == 2; }));

  const auto claimer = claimer_of_properties({"target", "mode"});
  ASSERT_TRUE(claimer->await_desired_changes(1));
  ASSERT_EQ(claimer->desired_changes().size(), 1U);
  EXPECT_THAT(claimer->desired_changes().at(0).json,
              testing::AnyOf(R"({"target":21,"mode":"eco"})", R"({"mode":"eco","target":21})"));
  EXPECT_EQ(claimer->desired_changes().at(0).version, version);
  EXPECT_THAT(claimer->unacknowledged().value(), testing::UnorderedElementsAre("target", "mode", "other"));
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 202, "heating", version)), "well");
  ASSERT_EQ(name_of(claimer->acknowledge("mode", R"("eco")", 200, "", version)), "well");
  EXPECT_EQ(name_of(claimer->acknowledge("other", "1", 200, "", version)), k_error + "NotClaimed");
  ASSERT_TRUE(await_reported("/mode/av", std::to_string(version)));
  ASSERT_TRUE(await_reported("/target/ac", "202"));
  EXPECT_EQ(reported("/other"), "");
  EXPECT_THAT(claimer->unacknowledged().value(), testing::ElementsAre("other"));
  expect_clean_stop();
}

TEST_F(DesiredWhileAway, IsDeliveredToTheNextClaimerThoughTheDaemonIsKilledInBetween) {
  begin_conversation();
  auto first = claimer_of_properties({"target"});
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21})");
  ASSERT_TRUE(first->await_desired_changes(1));
  first.reset();
  daemon().kill();
  lizard().attack("dps", "kill");
  lizard().attack("hub-a", "kill");
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());

  const auto second = claimer_of_properties({"target"});
  ASSERT_TRUE(second->await_desired_changes(1));
  EXPECT_EQ(second->desired_changes().at(0).json, R"({"target":21})");
  ASSERT_EQ(name_of(second->acknowledge("target", "21", 200, "", version)), "well");
  lizard().revive("all");
  lizard().revive("dps");
  ASSERT_TRUE(await_reported("/target/av", std::to_string(version)));
  expect_clean_stop();
}

TEST_F(DesiredWhileAway, WhatWasAcknowledgedIsNotDeliveredAgain) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"target", "mode"});
  std::uint64_t version = lizard().desired(k_device, R"({"target":21})");
  ASSERT_TRUE(claimer->await_desired_changes(1));
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 200, "", version)), "well");
  ASSERT_TRUE(await_reported("/target/av", std::to_string(version)));
  daemon().kill();
  restart_killed_daemon("hub-a");
  ASSERT_EQ(name_of(claimer->claim_properties({"target", "mode"})), "well");
  version = lizard().desired(k_device, R"({"mode":"eco"})");

  ASSERT_TRUE(claimer->await_desired_changes(2));
  EXPECT_EQ(claimer->desired_changes().at(1).json, R"({"mode":"eco"})");
  EXPECT_EQ(claimer->desired_changes().at(1).version, version);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
