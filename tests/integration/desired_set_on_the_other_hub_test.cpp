#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using DesiredOnTheOtherHub = Conversation;

TEST_F(DesiredOnTheOtherHub, IsDeliveredAndAcknowledgedThoughItsVersionIsLowerThere) {
  begin_conversation({"--fresh-twins"});
  const auto claimer = claimer_of_properties({"target"});
  for (const char* target : {"18", "19", "20"}) {
    const std::uint64_t version = lizard().desired(k_device, R"({"target":)" + std::string(target) + '}');
    ASSERT_TRUE(eventually(
        [&] { return !claimer->desired_changes().empty() && claimer->desired_changes().back().version == version; }));
    ASSERT_EQ(name_of(claimer->acknowledge("target", target, 200, "done", version)), "well");
  }
  const std::size_t heard = claimer->desired_changes().size();

  // The device is on its way: it has lost its hub, and learns of the other one only when DPS is back.
  lizard().attack("dps", "kill");
  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connected_to.empty(); }));
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21})");
  ASSERT_LT(version, claimer->desired_changes().back().version);
  lizard().revive("dps");

  ASSERT_TRUE(await_hub("hub-b"));
  ASSERT_TRUE(claimer->await_desired_changes(heard + 1));
  EXPECT_EQ(claimer->desired_changes().back().json, R"({"target":21})");
  EXPECT_EQ(claimer->desired_changes().back().version, version);
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 200, "done", version)), "well");
  ASSERT_TRUE(await_reported("/target/av", std::to_string(version)));
  EXPECT_EQ(reported("/target"), R"({"ac":200,"ad":"done","av":2,"value":21})");
  EXPECT_EQ(claimer->desired().value().json, R"({"target":21})");
  expect_clean_stop();
}

TEST_F(DesiredOnTheOtherHub, IsAppliedByTheSampleDeviceWhenNobodyHasClaimedIt) {
  begin_conversation({"--fresh-twins"});
  lizard().desired(k_device, R"({"fanSpeed":1})");
  ASSERT_TRUE(await_reported("/fanSpeed/value", "1"));
  lizard().attack("dps", "kill");
  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).connected_to.empty(); }));
  const std::uint64_t version = lizard().desired(k_device, R"({"fanSpeed":2})");
  lizard().revive("dps");

  ASSERT_TRUE(await_reported("/fanSpeed/value", "2"));
  EXPECT_EQ(reported("/fanSpeed/av"), std::to_string(version));
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
