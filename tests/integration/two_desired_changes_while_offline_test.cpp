#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using DesiredWhileOffline = Scene;

TEST_F(DesiredWhileOffline, BothChangesAreAppliedAndAcknowledgedAfterAnOutage) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  lizard().attack("hub-a", "kill");
  lizard().attack("hub-b", "kill");
  ASSERT_TRUE(await_state("Backoff"));
  lizard().desired(k_device, R"({"fanSpeed":41})");
  const std::string version = std::to_string(lizard().desired(k_device, R"({"fanSpeed":42})"));
  lizard().revive("all");

  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/fanSpeed/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), "42");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "200");
  expect_good_end();
}

TEST_F(DesiredWhileOffline, BothChangesAreAppliedAndAcknowledgedAfterARestart) {
  begin();
  expect_good_end();
  lizard().desired(k_device, R"({"fanSpeed":1})");
  const std::string version = std::to_string(lizard().desired(k_device, R"({"fanSpeed":2})"));
  start_daemon();

  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/fanSpeed/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), "2");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "200");
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
