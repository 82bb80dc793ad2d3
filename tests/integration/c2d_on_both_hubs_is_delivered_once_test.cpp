#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using C2dOnBothHubs = Conversation;

TEST_F(C2dOnBothHubs, IsDeliveredOnceThoughItIsQueuedOnTheOldHubAndOnTheNewOne) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"paint"});
  lose_all_hubs();
  send_c2d("paint", R"("red")", "order-17");
  send_c2d("paint", R"("red")", "order-17");
  send_c2d("paint", R"("blue")", "order-18");
  lizard().revive("hub-b");
  ASSERT_TRUE(await_hub("hub-b"));

  ASSERT_TRUE(claimer->await_invoked(2));
  ASSERT_TRUE(await_no_c2d_queued());
  EXPECT_EQ(claimer->invoked().at(0).payload, R"("red")");
  EXPECT_EQ(claimer->invoked().at(1).payload, R"("blue")");
  EXPECT_EQ(claimer->invoked().size(), 2U);
  expect_clean_stop();
}

TEST_F(C2dOnBothHubs, IsDeliveredOnceThoughItWasCompletedBeforeItComesAgain) {
  begin_conversation();
  auto claimer = claimer_of_commands({"paint"});
  send_c2d("paint", R"("red")", "order-17");
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_TRUE(claimer->invoked().at(0).durable);
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "")), "well");
  lizard().act({"move", k_device, "hub-b"});
  ASSERT_TRUE(await_hub("hub-b"));
  send_c2d("paint", R"("red")", "order-17");
  ASSERT_TRUE(await_no_c2d_queued());

  // Nor does a life that has only read of it deliver it again.
  daemon().kill();
  restart_killed_daemon("hub-b");
  ASSERT_EQ(name_of(claimer->claim_commands({"paint"})), "well");
  send_c2d("paint", R"("red")", "order-17");
  send_c2d("paint", R"("blue")", "order-18");
  ASSERT_TRUE(claimer->await_invoked(2));
  EXPECT_EQ(claimer->invoked().at(1).payload, R"("blue")");
  EXPECT_EQ(claimer->invoked().size(), 2U);
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
