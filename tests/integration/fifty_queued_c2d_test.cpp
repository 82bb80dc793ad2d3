#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

constexpr std::size_t k_messages = 50;  ///< as many as a hub queues

class FiftyC2d : public Conversation {
 protected:
  void expect_all_in_order(Claimer& claimer) {
    ASSERT_TRUE(claimer.await_invoked(k_messages));
    ASSERT_TRUE(await_no_c2d_queued());
    ASSERT_EQ(claimer.invoked().size(), k_messages);
    for (std::size_t i = 0; i < k_messages; ++i) {
      const Invoked& invoked = claimer.invoked().at(i);
      EXPECT_EQ(invoked.payload, std::to_string(i + 1));
      EXPECT_TRUE(invoked.durable);
      if (i > 0) {
        EXPECT_GT(invoked.id, claimer.invoked().at(i - 1).id);
      }
    }
  }
};

TEST_F(FiftyC2d, ThatWereQueuedDuringAnOutageAllComeOnceAndInOrder) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"step"});
  lose_all_hubs();
  for (std::size_t number = 1; number <= k_messages; ++number) send_c2d("step", std::to_string(number));
  lizard().revive("all");

  expect_all_in_order(*claimer);
  for (const Invoked& invoked : claimer->invoked()) ASSERT_EQ(name_of(claimer->complete(invoked.id, 200, "")), "well");
  expect_clean_stop();
  restart_killed_daemon(lizard().device(k_device).assigned);
  ASSERT_EQ(name_of(claimer->claim_commands({"step"})), "well");
  send_c2d("step", R"("last")");
  ASSERT_TRUE(claimer->await_invoked(k_messages + 1));
  EXPECT_EQ(claimer->invoked().back().payload, R"("last")");
  EXPECT_EQ(claimer->invoked().size(), k_messages + 1);
  expect_clean_stop();
}

TEST_F(FiftyC2d, ThatWaitOnDiskAllComeOnceAndInOrderToWhoeverClaimsThem) {
  begin_conversation();
  for (std::size_t number = 1; number <= k_messages; ++number) send_c2d("step", std::to_string(number));
  ASSERT_TRUE(await_no_c2d_queued());

  const auto claimer = claimer_of_commands({"step"});
  expect_all_in_order(*claimer);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
