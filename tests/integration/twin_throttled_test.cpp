#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using TwinThrottled = Conversation;

TEST_F(TwinThrottled, WhatAHubAnswersWith429ComesLaterAndWhole) {
  begin_conversation();
  const auto claimer = new_claimer();
  const std::uint64_t before = reported_version();
  lizard().act({"throttle", "--twins"});
  ASSERT_EQ(name_of(claimer->report(R"({"a":1,"b":{"c":1}})")), "well");
  ASSERT_TRUE(await_journal("429"));
  ASSERT_EQ(name_of(claimer->report(R"({"b":{"d":2}})")), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"a":3})")), "well");
  lizard().act({"throttle", "--twins", "--off"});

  // It is tried again after 10 s to 60 s, by chance.
  constexpr std::chrono::seconds k_longest_wait{90};
  ASSERT_TRUE(eventually([&] { return reported("/a") == "3"; }, k_longest_wait));
  EXPECT_EQ(reported("/b"), R"({"c":1,"d":2})");
  EXPECT_EQ(reported_version(), before + 1);
  EXPECT_EQ(lizard().device(k_device).connections, 1U);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
