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
  const std::string version = std::to_string(lizard().desired(k_device, R"({"fanSpeed":42,"lamp":"on"})"));
  lizard().revive("all");

  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/fanSpeed/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), "42");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "200");
  EXPECT_EQ(lizard().twin(k_device, "/reported/lamp/value"), R"("on")");
  EXPECT_EQ(lizard().twin(k_device, "/reported/lamp/ac"), "404");
  EXPECT_EQ(lizard().twin(k_device, "/reported/lamp/av"), version);
  expect_good_end();
}

TEST_F(DesiredWhileOffline, BothChangesAreAppliedAndAcknowledgedAfterARestart) {
  begin();
  expect_good_end();
  lizard().desired(k_device, R"({"fanSpeed":1})");
  const std::string version = std::to_string(lizard().desired(k_device, R"({"lamp":true})"));
  start_daemon();

  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/lamp/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), "1");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "200");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/av"), version);
  EXPECT_EQ(lizard().twin(k_device, "/reported/lamp/value"), "true");
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
