#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using NobodyAnswers = Conversation;

TEST_F(NobodyAnswers, AnUnknownMethodGets404AndABody) {
  begin_conversation();
  const CommandAnswer answer = lizard().command(k_device, "pump*prime", R"({"seconds":3})");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.payload, testing::AllOf(testing::StartsWith(R"({"error":)"), testing::HasSubstr("pump*prime")));
  expect_clean_stop();
}

TEST_F(NobodyAnswers, AMethodWhoseClaimerHasLeftGets503AndABody) {
  begin_conversation();
  auto claimer = claimer_of_commands({"reboot"});
  claimer.reset();
  // Until the bus has told of its end the method is still the claimer's, and answered when it has.
  const CommandAnswer answer = lizard().command(k_device, "reboot", "");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.payload, testing::StartsWith(R"({"error":)"));
  expect_clean_stop();
}

TEST_F(NobodyAnswers, AMethodOfTheSampleGoesToTheProgramThatClaimsIt) {
  begin_conversation();
  EXPECT_EQ(lizard().command(k_device, "echo", "1").payload, "1");
  const auto claimer = claimer_of_commands({"echo"});
  CalledMethod call = lizard().call(k_device, "echo", "1");
  ASSERT_TRUE(claimer->await_invoked(1));
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "2")), "well");
  EXPECT_EQ(call.answer().payload, "2");
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
