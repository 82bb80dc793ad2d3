#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>

namespace iotc_ha::integration {
namespace {

using CommandDuringFailover = Conversation;

TEST_F(CommandDuringFailover, FailsCleanlyAtItsCallerAndIsNotRunAgain) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  CalledMethod lost = lizard().call(k_device, "reboot", R"("first")");
  ASSERT_TRUE(claimer->await_invoked(1));
  lizard().attack("hub-a", "kill");
  EXPECT_THAT(lost.failure(), testing::HasSubstr("lost its connection"));
  ASSERT_TRUE(await_hub("hub-b"));
  EXPECT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "1")), k_error + "NotConnected");

  CalledMethod second = lizard().call(k_device, "reboot", R"("second")");
  ASSERT_TRUE(claimer->await_invoked(2));
  EXPECT_EQ(claimer->invoked().at(1).payload, R"("second")");
  EXPECT_NE(claimer->invoked().at(1).id, claimer->invoked().at(0).id);
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(1).id, 200, R"({"n":1.50})")), "well");
  EXPECT_EQ(second.answer().payload, R"({"n":1.5})");
  EXPECT_EQ(claimer->invoked().size(), 2U);
  expect_clean_stop();
}

TEST_F(CommandDuringFailover, IsRunOnceAtMostThoughTheDeviceMovesToAndFro) {
  constexpr int k_calls = 24;
  begin_conversation();
  const auto claimer = claimer_of_commands({"step"});
  std::set<std::string> run;
  std::size_t completed = 0;
  const auto carry_out = [&] {
    for (; completed < claimer->invoked().size(); ++completed) {
      const Invoked invoked = claimer->invoked().at(completed);
      EXPECT_TRUE(run.insert(invoked.payload).second) << invoked.payload << " was run twice";
      const std::string answer = name_of(claimer->complete(invoked.id, 200, invoked.payload));
      EXPECT_TRUE(answer == "well" || answer == k_error + "NotConnected") << answer;
    }
  };
  int answers = 0;
  std::string hub = "hub-a";
  for (int number = 1; number <= k_calls; ++number) {
    const std::string payload = std::to_string(number);
    CalledMethod call = lizard().call(k_device, "step", payload);
    if (number % 4 == 0) {
      hub = hub == "hub-a" ? "hub-b" : "hub-a";
      lizard().act({"move", k_device, hub});
    }
    ASSERT_TRUE(eventually([&] {
      carry_out();
      return call.over();
    }));
    try {
      const CommandAnswer answer = call.answer();
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.payload, payload);
      EXPECT_TRUE(run.contains(payload));
      ++answers;
    } catch (const std::runtime_error&) {  // it is the caller's to call again, or not
      EXPECT_THAT(call.failure(),
                  testing::AnyOf(testing::HasSubstr("lost its connection"), testing::HasSubstr("not connected"),
                                 testing::HasSubstr("has not subscribed")));
      ASSERT_TRUE(await_hub(hub));
    }
  }
  EXPECT_GE(answers, k_calls / 2);
  std::cout << "figure: " << answers << " of " << k_calls << " commands were answered, " << run.size()
            << " were run, while the device moved " << k_calls / 4 << " times\n";
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
