#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using ReportedWhileOffline = Conversation;

TEST_F(ReportedWhileOffline, ArrivesOnceWhenAHubIsBack) {
  begin_conversation();
  const std::uint64_t before = reported_version();
  lose_all_hubs();
  ASSERT_EQ(name_of(new_claimer()->report(R"({"serial":"A-1","load":1.50})")), "well");
  lizard().revive("all");

  ASSERT_TRUE(await_reported("/serial", R"("A-1")"));
  EXPECT_EQ(reported("/load"), "1.5");
  ASSERT_TRUE(await_hub(lizard().device(k_device).assigned));
  // In the next session nothing of it is sent again; what comes then is the proof that there was time for it.
  lizard().attack(lizard().device(k_device).connected_to, "drop");
  ASSERT_TRUE(eventually([&] { return bus().agent().reconnect_count == 1; }));
  ASSERT_EQ(name_of(new_claimer()->report(R"({"last":true})")), "well");
  ASSERT_TRUE(await_reported("/last", "true"));
  EXPECT_EQ(reported_version(), before + 2);
  expect_clean_stop();
}

TEST_F(ReportedWhileOffline, ArrivesThoughTheDaemonIsKilledBeforeAHubIsBack) {
  begin_conversation();
  const std::uint64_t before = reported_version();
  lose_all_hubs();
  ASSERT_EQ(name_of(new_claimer()->report(R"({"serial":"A-2"})")), "well");
  daemon().kill();
  lizard().revive("all");
  start_daemon();

  ASSERT_TRUE(await_reported("/serial", R"("A-2")"));
  EXPECT_EQ(reported_version(), before + 1);
  EXPECT_EQ(new_claimer()->reported().value(), R"({"serial":"A-2"})");
  expect_clean_stop();
}

TEST_F(ReportedWhileOffline, IsShownAtOnceToWhoeverAsks) {
  begin_conversation();
  const auto claimer = new_claimer();
  ASSERT_EQ(name_of(claimer->report(R"({"a":1,"b":{"c":2}})")), "well");
  lose_all_hubs();
  ASSERT_EQ(name_of(claimer->report(R"({"a":null,"b":{"d":3}})")), "well");

  EXPECT_EQ(claimer->reported().value(), R"({"b":{"c":2,"d":3}})");
  lizard().revive("all");
  ASSERT_TRUE(await_reported("/b/d", "3"));
  EXPECT_EQ(reported("/b/c"), "2");
  EXPECT_EQ(reported("/a"), "");
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
