#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using Device = Scene;

TEST_F(Device, EchoAnswersWithItsPayload) {
  begin();
  const CommandAnswer answer = lizard().command(k_device, "echo", R"("Hällo, \"world\" 1.10")");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.payload, R"("Hällo, \"world\" 1.10")");
  expect_good_end();
}

TEST_F(Device, AnUnknownMethodIsAnsweredWith404AndABody) {
  begin();
  const CommandAnswer answer = lizard().command(k_device, "reboot", "{}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.payload, testing::HasSubstr("reboot"));
  expect_good_end();
}

TEST_F(Device, FanSpeedIsAcknowledgedAsTheIntegerThatItIs) {
  begin();
  const std::string version = std::to_string(lizard().desired(k_device, R"({"fanSpeed":42})"));
  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/fanSpeed/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), "42");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "200");
  expect_good_end();
}

TEST_F(Device, AFanSpeedThatIsNoIntegerIsRefusedAndAnUnknownPropertyStaysUnacknowledged) {
  begin();
  const std::string version = std::to_string(lizard().desired(k_device, R"({"fanSpeed":"fast","lamp":[1,2.50]})"));
  ASSERT_TRUE(eventually([&] { return lizard().twin(k_device, "/reported/fanSpeed/av") == version; }));
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/value"), R"("fast")");
  EXPECT_EQ(lizard().twin(k_device, "/reported/fanSpeed/ac"), "400");
  EXPECT_EQ(lizard().twin(k_device, "/reported/lamp"), "");
  EXPECT_TRUE(daemon().journal_says("nobody answers for: lamp"));
  expect_good_end();
}

TEST_F(Device, TelemetryAndBatteryAreNumbersAndTheModelIsAnnounced) {
  begin();
  EXPECT_THAT(lizard().telemetry().front().body,
              testing::MatchesRegex(R"re(\{"(temp|humidity)":-?[0-9.]+,"(temp|humidity)":-?[0-9.]+\})re"));
  ASSERT_TRUE(eventually([&] { return !lizard().twin(k_device, "/reported/battery").empty(); }));
  EXPECT_THAT(lizard().twin(k_device, "/reported/battery"), testing::MatchesRegex(R"re([0-9.]+)re"));
  EXPECT_EQ(lizard().device(k_device).model_id, "dtmi:Sample:Failover;1");
  EXPECT_EQ(bus().agent().model_id, "dtmi:Sample:Failover;1");
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
