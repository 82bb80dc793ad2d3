#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

class C2dThatNobodyWants : public Conversation {
 protected:
  /// Seconds from now, as a hub writes it.
  static std::string in(std::chrono::seconds time) {
    const auto when = std::chrono::system_clock::now() + time;
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count());
  }
};

TEST_F(C2dThatNobodyWants, IsDroppedWhenItsOwnTimeIsOver) {
  begin_conversation();
  lizard().act({"c2d", k_device, "1", "--method-name", "paint", "--property", "$.exp=" + in(std::chrono::seconds{-1})});
  lizard().act(
      {"c2d", k_device, "2", "--method-name", "paint", "--property", "$.exp=" + in(std::chrono::seconds{600})});
  ASSERT_TRUE(await_journal("command 'paint' is dropped: its time is over"));
  const auto claimer = claimer_of_commands({"paint"});
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().front().payload, "2");
  EXPECT_EQ(claimer->invoked().size(), 1U);
  expect_clean_stop();
}

TEST_F(C2dThatNobodyWants, DoesNotStandInTheWayOfWhatSomebodyWants) {
  constexpr int k_a_hubs_queue = 50;
  begin_conversation();
  const auto claimer = claimer_of_commands({"paint"});
  // 64 KiB each is what a hub takes; all together they are more than the daemon keeps.
  const std::string large = "\"" + std::string(60 * 1024, 'x') + "\"";
  for (int round = 0; round < 10 && !daemon().journal_says("is dropped to make room"); ++round) {
    for (int i = 0; i < k_a_hubs_queue; ++i) send_c2d("nobodys", large);
    ASSERT_TRUE(await_no_c2d_queued());
  }
  ASSERT_TRUE(daemon().journal_says("is dropped to make room"));
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().front().payload, R"("red")");
  EXPECT_EQ(lizard().device(k_device).connections, 1U);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
