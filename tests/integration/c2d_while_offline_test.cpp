#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using C2dWhileOffline = Scene;

std::size_t count_of(const std::string& text, const std::string& wanted) {
  std::size_t count = 0;
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++count;
  return count;
}

TEST_F(C2dWhileOffline, CommandsSentDuringARestartArriveOnceEach) {
  begin();
  expect_good_end();
  lizard().act({"c2d", k_device, R"("14:30")", "--method-name", "setAlarm"});
  lizard().act({"c2d", k_device, R"("14:31")", "--method-name", "setAlarm"});
  start_daemon();

  ASSERT_TRUE(await_journal("14:30"));
  ASSERT_TRUE(await_journal("14:31"));
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).c2d_queued == 0; }));
  EXPECT_EQ(count_of(daemon().journal(), "14:30"), 1U);
  EXPECT_EQ(count_of(daemon().journal(), "14:31"), 1U);
  EXPECT_TRUE(daemon().journal_says("setAlarm"));
  expect_good_end();
}

TEST_F(C2dWhileOffline, ACommandSentDuringAnOutageArrives) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  lizard().attack("hub-a", "kill");
  lizard().attack("hub-b", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  lizard().act({"c2d", k_device, R"("07:15")", "--method-name", "setAlarm"});
  lizard().revive("all");

  ASSERT_TRUE(await_journal("07:15"));
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).c2d_queued == 0; }));
  expect_good_end();
}

TEST_F(C2dWhileOffline, AMessageThatIsNoCommandIsNotedAndTakenOffTheQueue) {
  begin();
  lizard().act({"c2d", k_device, R"({"hello":"there"})"});
  lizard().act({"c2d", k_device, R"("1")", "--method-name", "openTheDoor"});

  ASSERT_TRUE(await_journal("openTheDoor"));
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).c2d_queued == 0; }));
  EXPECT_TRUE(daemon().journal_says("method-name"));
  EXPECT_EQ(bus().agent().reconnect_count, 0U);
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
