#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using DpsThrottled = Scene;

TEST_F(DpsThrottled, DaemonWaitsAsLongAsDpsAsksAndThenMoves) {
  begin("[failover]\ndps_backoff_base = \"100ms\"\ndps_backoff_max = \"200ms\"\n");
  constexpr std::uint64_t k_retry_after_us = 4'000'000;
  const Mark before = mark();

  lizard().act({"throttle", "--retry-after", "4"});
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(bus().agent().current_hub, "");
  lizard().act({"throttle", "--off"});
  ASSERT_TRUE(await_hub("hub-b"));

  expect_states(before, {"Connected", "Reprovision"}, {"Backoff", "Reprovision"}, {"Connecting", "Connected"});
  // Meanwhile the hub was tried, which costs DPS nothing.
  EXPECT_THAT(bus().errors(before.change), testing::Contains("DpsThrottled"));
  const Agent agent = bus().agent();
  EXPECT_GE(agent.last_failover_duration, k_retry_after_us);
  EXPECT_EQ(agent.next_attempt, 0U);
  EXPECT_EQ(agent.failover_count, 1U);
  expect_good_end();
}

TEST_F(DpsThrottled, AFirstStartUnderThrottlingConnectsWhenItIsOver) {
  start_lizard();
  configure("[failover]\ndps_backoff_base = \"100ms\"\ndps_backoff_max = \"200ms\"\n");
  lizard().act({"throttle", "--retry-after", "2"});

  start_daemon();
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(bus().agent().last_error_name, "DpsThrottled");
  lizard().act({"throttle", "--off"});
  ASSERT_TRUE(await_hub("hub-a"));

  EXPECT_EQ(daemon().states().front(), "Provisioning");
  EXPECT_EQ(bus().agent().failover_count, 0U);
  EXPECT_EQ(bus().agent().reconnect_count, 0U);
  expect_good_end();
}

TEST_F(DpsThrottled, ARestartAsksNoSooner) {
  start_lizard();
  configure("");
  lizard().act({"throttle", "--retry-after", "600"});
  start_daemon();
  ASSERT_TRUE(await_state("Backoff"));
  const auto until = bus().agent().next_attempt;
  expect_clean_stop();

  start_daemon();
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(daemon().states(), (States{"Backoff"}));
  constexpr std::uint64_t k_close_us = 1'000'000;
  EXPECT_NEAR(static_cast<double>(bus().agent().next_attempt), static_cast<double>(until), k_close_us);

  lizard().act({"throttle", "--off"});
  bus().call("Reprovision");  // an operator goes over it
  ASSERT_TRUE(await_hub("hub-a"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
