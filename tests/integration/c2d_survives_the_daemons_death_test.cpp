#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using C2dSurvives = Conversation;

TEST_F(C2dSurvives, TheDaemonsDeathBeforeAClaimerIsThere) {
  begin_conversation();
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(await_no_c2d_queued()) << "the hub has not been told that it is safe";
  daemon().kill();
  restart_killed_daemon("hub-a");

  const auto claimer = claimer_of_commands({"paint"});
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().at(0).name, "paint");
  EXPECT_EQ(claimer->invoked().at(0).payload, R"("red")");
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "")), "well");
  expect_clean_stop();
}

TEST_F(C2dSurvives, TheDaemonsDeathAtAnyMomentAfterItWasSent) {
  constexpr int k_rounds = 10;
  begin_conversation();
  for (int round = 1; round <= k_rounds; ++round) {
    send_c2d("paint", std::to_string(round));
    daemon().kill();
    restart_killed_daemon("hub-a");
  }
  ASSERT_TRUE(await_no_c2d_queued());

  const auto claimer = claimer_of_commands({"paint"});
  ASSERT_TRUE(claimer->await_invoked(k_rounds));
  for (int round = 1; round <= k_rounds; ++round) {
    EXPECT_EQ(claimer->invoked().at(static_cast<std::size_t>(round) - 1).payload, std::to_string(round));
  }
  EXPECT_EQ(claimer->invoked().size(), std::size_t{k_rounds});
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
