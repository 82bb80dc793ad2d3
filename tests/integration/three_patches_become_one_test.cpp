#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using ThreePatches = Conversation;

TEST_F(ThreePatches, BecomeOneWhenAHubIsBack) {
  begin_conversation();
  const auto claimer = new_claimer();
  ASSERT_EQ(name_of(claimer->report(R"({"old":1,"fan":{"__t":"c","mode":"a"}})")), "well");
  ASSERT_TRUE(await_reported("/old", "1"));
  const std::uint64_t before = reported_version();
  lose_all_hubs();
  ASSERT_EQ(name_of(claimer->report(R"({"serial":"A-1","load":1})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"load":2,"fan":{"speed":7}})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"load":3,"old":null,"fan":{"mode":null}})")), "well");
  lizard().revive("all");

  ASSERT_TRUE(await_reported("/load", "3"));
  EXPECT_EQ(reported_version(), before + 1);
  EXPECT_EQ(reported("/serial"), R"("A-1")");
  EXPECT_EQ(reported("/fan"), R"({"__t":"c","speed":7})");
  EXPECT_EQ(reported("/old"), "");
  expect_clean_stop();
}

TEST_F(ThreePatches, ThatSayNothingNewBecomeNone) {
  begin_conversation();
  const auto claimer = new_claimer();
  ASSERT_EQ(name_of(claimer->report(R"({"load":20,"mode":"a"})")), "well");
  ASSERT_TRUE(await_reported("/load", "20"));
  const std::uint64_t before = reported_version();
  lose_all_hubs();
  ASSERT_EQ(name_of(claimer->report(R"({"load":21})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"load":20.0})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"gone":null})")), "well");
  lizard().revive("all");
  ASSERT_TRUE(await_hub(lizard().device(k_device).assigned));

  ASSERT_EQ(name_of(claimer->report(R"({"last":true})")), "well");
  ASSERT_TRUE(await_reported("/last", "true"));
  EXPECT_EQ(reported_version(), before + 1);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
