#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using Switches = Scene;

TEST_F(Switches, WithoutTelemetryOnlyTheBatteryIsSent) {
  start_lizard();
  configure("[sample]\ntelemetry_send = false\nreported_property_period = \"200ms\"\n");
  start_daemon();
  ASSERT_TRUE(await_hub("hub-a"));
  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/$version") >= "5"; }));
  EXPECT_TRUE(lizard().telemetry().empty());

  // Switched on by a reload, in the same session.
  daemon().drop_in("30-on", "[sample]\ntelemetry_send = true\n");
  daemon().reload();
  ASSERT_TRUE(await_fresh_telemetry());
  EXPECT_EQ(lizard().device(k_device).connections, 1U);
  expect_good_end();
}

TEST_F(Switches, WithoutReportedPropertiesOnlyTelemetryIsSent) {
  begin("[sample]\nreported_property_send = false\n");
  ASSERT_TRUE(eventually([&] { return lizard().telemetry().size() >= 10; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/battery"), "");
  expect_good_end();
}

TEST_F(Switches, WithoutDesiredPropertiesNoneIsAcknowledged) {
  begin("[sample]\ndesired_property_receive = false\nreported_property_period = \"200ms\"\n");
  lizard().desired(k_device, R"({"fanSpeed":3})");
  const std::string version = lizard().twin(k_device, "/reported/$version");
  ASSERT_TRUE(
      eventually([&] { return std::stoi(lizard().twin(k_device, "/reported/$version")) > std::stoi(version) + 3; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed"), "");
  expect_good_end();
}

TEST_F(Switches, WithoutDirectMethodsEachIsRefusedAtOnce) {
  begin("[sample]\ndirect_method_receive = false\n");
  const CommandAnswer answer = lizard().command(k_device, "echo", R"("x")");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.payload, testing::HasSubstr("switched off"));
  expect_good_end();
}

TEST_F(Switches, WithoutCommandsAMessageWaitsForAProgramAndIsNotObeyed) {
  begin("[sample]\nc2d_command_receive = false\n");
  lizard().act({"c2d", k_device, R"("06:00")", "--method-name", "setAlarm"});
  ASSERT_TRUE(await_journal("waits for a program"));
  ASSERT_TRUE(eventually([&] { return lizard().device(k_device).c2d_queued == 0; }));
  EXPECT_FALSE(daemon().journal_says("06:00"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
