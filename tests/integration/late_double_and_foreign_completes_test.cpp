#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using WrongCompletes = Conversation;

TEST_F(WrongCompletes, TheSecondAnswerToAMethodIsRefusedAndTheFirstStands) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  CalledMethod call = lizard().call(k_device, "reboot", "{}");
  ASSERT_TRUE(claimer->await_invoked(1));
  const std::uint64_t id = claimer->invoked().at(0).id;
  ASSERT_EQ(name_of(claimer->complete(id, 201, R"("first")")), "well");
  EXPECT_EQ(name_of(claimer->complete(id, 500, R"("second")")), k_error + "AlreadyCompleted");
  const CommandAnswer answer = call.answer();
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.payload, R"("first")");
  expect_clean_stop();
}

TEST_F(WrongCompletes, AnotherProgramsAnswerIsRefusedAndTheOwnersStands) {
  begin_conversation();
  const auto owner = claimer_of_commands({"reboot"});
  const auto foreigner = claimer_of_commands({"other"});
  CalledMethod call = lizard().call(k_device, "reboot", "{}");
  ASSERT_TRUE(owner->await_invoked(1));
  const std::uint64_t id = owner->invoked().at(0).id;
  EXPECT_EQ(name_of(foreigner->complete(id, 200, R"("foreign")")), k_error + "NotClaimed");
  ASSERT_EQ(name_of(owner->complete(id, 200, R"("own")")), "well");
  EXPECT_EQ(name_of(foreigner->complete(id, 200, R"("foreign")")), k_error + "NotClaimed");
  EXPECT_EQ(call.answer().payload, R"("own")");
  EXPECT_TRUE(foreigner->invoked().empty()) << "a command was told to a program that had not claimed it";
  expect_clean_stop();
}

TEST_F(WrongCompletes, AnAnswerToWhatNeverWasIsRefused) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 62U, ~std::uint64_t{0}}) {
    EXPECT_EQ(name_of(claimer->complete(id, 200, "1")), k_error + "NotClaimed") << id;
  }
  expect_clean_stop();
}

TEST_F(WrongCompletes, AnAnswerAfterTheSessionHasEndedIsRefused) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  CalledMethod call = lizard().call(k_device, "reboot", "{}");
  ASSERT_TRUE(claimer->await_invoked(1));
  lizard().attack("hub-a", "drop");
  ASSERT_TRUE(eventually([&] { return bus().agent().reconnect_count == 1; }));
  EXPECT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "1")), k_error + "NotConnected");
  EXPECT_FALSE(call.failure().empty());
  expect_clean_stop();
}

TEST_F(WrongCompletes, TheSecondAnswerToADurableCommandIsRefusedAndSoIsAnotherPrograms) {
  begin_conversation();
  const auto owner = claimer_of_commands({"paint"});
  const auto foreigner = new_claimer();
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(owner->await_invoked(1));
  const std::uint64_t id = owner->invoked().at(0).id;
  EXPECT_EQ(name_of(foreigner->complete(id, 200, "")), k_error + "NotClaimed");
  ASSERT_EQ(name_of(owner->complete(id, 200, "")), "well");
  EXPECT_EQ(name_of(owner->complete(id, 200, "")), k_error + "AlreadyCompleted");
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
