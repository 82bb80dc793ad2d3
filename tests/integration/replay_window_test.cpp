#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace iotc_ha::integration {
namespace {

constexpr std::uint64_t k_messages = 20;

class ReplayWindow : public Scene {
 protected:
  /// Hands in messages and waits until a hub has acknowledged them.
  void deliver() {
    Accepted accepted;
    for (std::uint64_t i = 0; i < k_messages; ++i) {
      const std::string text = R"({"caller":0,"number":)" + std::to_string(++number_) + "}";
      const auto sequence = caller().submit(text);
      ASSERT_TRUE(sequence.has_value()) << sequence.error().text;
      accepted.emplace(*sequence, text);
    }
    ASSERT_TRUE(await_delivery({accepted}));
  }
  std::ptrdiff_t received_by(const std::string& hub) {
    const auto& all = lizard().telemetry();
    return std::count_if(all.begin(), all.end(), [&](const Received& one) { return one.hub == hub; });
  }

 private:
  std::uint64_t number_ = 0;
};

TEST_F(ReplayWindow, WhatTheLostHubHadAcknowledgedIsSentAgainToTheOtherUnderTheSameIds) {
  begin_for_callers("[spool]\nreplay_window = \"10min\"\n");
  deliver();
  ASSERT_EQ(received_by("hub-a"), k_messages);

  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  ASSERT_TRUE(eventually([&] { return received_by("hub-b") == k_messages; }));
  deliver();

  const Arrivals arrivals(lizard().telemetry());
  arrivals.expect_no_gap();
  EXPECT_EQ(arrivals.size(), 2 * k_messages);
  EXPECT_EQ(arrivals.repeats(), k_messages);
  const auto lines = caller().accounts().value();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].at("accepted"), 2 * k_messages);
  EXPECT_EQ(lines[0].at("replayed"), k_messages);
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(ReplayWindow, ASessionDroppedByALivingHubIsNoReasonToSendAnythingAgain) {
  begin_for_callers("[spool]\nreplay_window = \"10min\"\n");
  deliver();
  lizard().attack("hub-a", "drop");
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.state == "Connected" && agent.reconnect_count == 1; }));
  deliver();
  EXPECT_EQ(Arrivals(lizard().telemetry()).repeats(), 0U);
  expect_clean_stop();
}

TEST_F(ReplayWindow, WithoutOneWhatWasAcknowledgedIsNotSentAgain) {
  begin_for_callers();
  deliver();
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  deliver();
  EXPECT_EQ(received_by("hub-a"), k_messages);
  EXPECT_EQ(received_by("hub-b"), k_messages);
  EXPECT_EQ(Arrivals(lizard().telemetry()).repeats(), 0U);
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
