#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using SlowLinkIsNotDeclaredDead = Scene;

TEST_F(SlowLinkIsNotDeclaredDead, WhereEachAnswerTakesLongerThanTheLimitsThatAQuickLinkHas) {
  // A second each way: nothing is ever answered within silent_after.
  start_lizard({"--delay", "1s"});
  configure("[sample]\ntelemetry_period = \"500ms\"\n[failover]\nsuspect_after = \"200ms\"\nsilent_after = \"1s\"\n");
  start_daemon();
  ASSERT_TRUE(await_hub("hub-a", std::chrono::seconds{60}));
  const Mark before = mark();

  constexpr std::uint64_t k_messages = 40;  // 20 s of them
  ASSERT_TRUE(eventually([&] { return lizard().telemetry_count() >= k_messages; }, std::chrono::seconds{60}));

  expect_states(before, {"Connected"});
  EXPECT_EQ(lizard().device(k_device).connections, 1U);
  expect_one_truth();
  expect_no_telemetry_lost();
}

}  // namespace
}  // namespace iotc_ha::integration
