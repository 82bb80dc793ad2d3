#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace iotc_ha::integration {
namespace {

using ClaimerKilled = Conversation;

TEST_F(ClaimerKilled, InTheMiddleOfAMethodItsCallerIsToldAtOnce) {
  begin_conversation();
  auto claimer = claimer_of_commands({"reboot"});
  CalledMethod call = lizard().call(k_device, "reboot", "{}");
  ASSERT_TRUE(claimer->await_invoked(1));
  const auto killed = std::chrono::steady_clock::now();
  claimer.reset();

  const CommandAnswer answer = call.answer();
  EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds{20}) << "this was the cloud's own limit";
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.payload, testing::StartsWith(R"({"error":)"));
  expect_clean_stop();
}

TEST_F(ClaimerKilled, InTheMiddleOfADurableCommandTheNextClaimerGetsIt) {
  begin_conversation();
  auto first = claimer_of_commands({"paint"});
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(first->await_invoked(1));
  const std::uint64_t id = first->invoked().at(0).id;
  first.reset();

  const auto second = new_claimer();
  // The bus tells us of the first one's end in its own time.
  ASSERT_TRUE(eventually([&] { return second->claim_commands({"paint"}).has_value(); }));
  ASSERT_TRUE(second->await_invoked(1));
  EXPECT_EQ(second->invoked().at(0).id, id);
  EXPECT_EQ(second->invoked().at(0).payload, R"("red")");
  ASSERT_EQ(name_of(second->complete(id, 200, "")), "well");

  const auto third = new_claimer();
  EXPECT_EQ(name_of(third->claim_commands({"paint"})), k_error + "Busy");
  EXPECT_EQ(second->invoked().size(), 1U);
  expect_clean_stop();
}

TEST_F(ClaimerKilled, ItsPropertiesAreFreeForTheNextOne) {
  begin_conversation();
  auto first = claimer_of_properties({"target"});
  EXPECT_EQ(name_of(new_claimer()->claim_properties({"other", "target"})), k_error + "Busy");
  lizard().desired(k_device, R"({"target":21})");
  ASSERT_TRUE(first->await_desired_changes(1));
  first.reset();

  const auto second = new_claimer();
  ASSERT_TRUE(eventually([&] { return second->claim_properties({"other", "target"}).has_value(); }));
  ASSERT_TRUE(second->await_desired_changes(1));
  EXPECT_EQ(second->desired_changes().at(0).json, R"({"target":21})");
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
