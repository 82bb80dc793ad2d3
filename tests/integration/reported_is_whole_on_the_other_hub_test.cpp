#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using ReportedOnTheOtherHub = Conversation;

TEST_F(ReportedOnTheOtherHub, IsWholeThoughThatHubKnewNothing) {
  begin_conversation({"--fresh-twins"});
  const auto claimer = claimer_of_properties({"target"});
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21})");
  ASSERT_TRUE(claimer->await_desired_changes(1));
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 200, "", version)), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"serial":"A-1","gone":1,"pump":{"__t":"c","hours":1200}})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"gone":null,"list":[1,{"a":null}]})")), "well");
  ASSERT_TRUE(await_reported("/list/0", "1"));
  EXPECT_EQ(reported("/gone"), "");

  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(await_hub("hub-b"));

  ASSERT_TRUE(await_reported("/serial", R"("A-1")"));
  EXPECT_EQ(reported("/pump"), R"({"__t":"c","hours":1200})");
  EXPECT_EQ(reported("/list"), R"([1,{"a":null}])");
  EXPECT_EQ(reported("/gone"), "");
  EXPECT_EQ(reported("/target/value"), "21");
  EXPECT_EQ(reported_version(), 2U) << "it took more than one patch";
  expect_clean_stop();
}

TEST_F(ReportedOnTheOtherHub, IsMendedWhereThatHubHasAnotherValue) {
  begin_conversation();
  const auto claimer = new_claimer();
  ASSERT_EQ(name_of(claimer->report(R"({"serial":"A-1","load":1})")), "well");
  ASSERT_TRUE(await_reported("/load", "1"));
  lose_all_hubs();
  ASSERT_EQ(name_of(claimer->report(R"({"load":2})")), "well");
  lizard().revive("hub-b");
  ASSERT_TRUE(await_hub("hub-b"));

  ASSERT_TRUE(await_reported("/load", "2"));
  EXPECT_EQ(reported("/serial"), R"("A-1")");
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
