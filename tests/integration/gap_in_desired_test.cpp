#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

/// A hub loses a desired patch on the way, which the next one shows.
class GapInDesired : public Conversation {
 protected:
  void lose_one_patch_and_get_the_next() {
    lizard().act({"desired", k_device, R"({"target":21})", "--lost"});
    lizard().desired(k_device, R"({"mode":"eco"})");
  }
  void expect_both_told(Claimer& claimer) {
    // It is asked again after 10 s to 60 s, by chance, when the hub throttles.
    constexpr std::chrono::seconds k_longest_wait{90};
    ASSERT_TRUE(eventually([&] { return !claimer.desired_changes().empty(); }, k_longest_wait));
    EXPECT_EQ(claimer.desired_changes().front().json, R"({"mode":"eco","target":21})");
    EXPECT_EQ(claimer.desired().value().version, claimer.desired_changes().front().version);
    EXPECT_EQ(lizard().device(k_device).connections, 1U);
    expect_clean_stop();
  }
};

TEST_F(GapInDesired, IsClosedByReadingTheWholeTwin) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"target", "mode"});
  lose_one_patch_and_get_the_next();
  expect_both_told(*claimer);
}

TEST_F(GapInDesired, IsClosedLaterWhereTheHubThrottlesTheReading) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"target", "mode"});
  lizard().act({"throttle", "--twins"});
  lose_one_patch_and_get_the_next();
  ASSERT_TRUE(await_journal("the request for the twin with status 429"));
  lizard().act({"throttle", "--twins", "--off"});
  expect_both_told(*claimer);
}

}  // namespace
}  // namespace iotc_ha::integration
