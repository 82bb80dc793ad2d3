#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using Components = Conversation;

TEST_F(Components, OfTelemetryAreNamedInTheMessage) {
  begin_conversation();
  const auto sequence = caller().submit(R"({"flow":1.5})", {.component = "pump"});
  ASSERT_TRUE(sequence.has_value()) << sequence.error().text;
  ASSERT_TRUE(caller().flush(*sequence, k_patience).has_value());
  EXPECT_EQ(lizard().telemetry().at(0).properties.at("$.sub"), "pump");
  expect_clean_stop();
}

TEST_F(Components, OfPropertiesAreMarkedBothWays) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"pump*target", "target"});
  // As the conventions allow, without its mark.
  const std::uint64_t version = lizard().desired(k_device, R"({"pump":{"target":7},"target":8})");
  ASSERT_TRUE(claimer->await_desired_changes(1));
  EXPECT_THAT(claimer->desired_changes().at(0).json, testing::HasSubstr(R"("pump":{"__t":"c","target":7})"));
  EXPECT_THAT(claimer->desired_changes().at(0).json, testing::HasSubstr(R"("target":8)"));
  ASSERT_EQ(name_of(claimer->acknowledge("pump*target", "7", 200, "pumping", version)), "well");
  ASSERT_EQ(name_of(claimer->acknowledge("target", "8", 200, "", version)), "well");
  ASSERT_EQ(name_of(claimer->report(R"({"pump":{"__t":"c","hours":1200}})")), "well");

  ASSERT_TRUE(await_reported("/pump/hours", "1200"));
  EXPECT_EQ(reported("/pump/__t"), R"("c")");
  EXPECT_EQ(reported("/pump/target"), R"({"ac":200,"ad":"pumping","av":)" + std::to_string(version) + R"(,"value":7})");
  EXPECT_EQ(reported("/target/value"), "8");
  expect_clean_stop();
}

TEST_F(Components, OfPropertiesAreKnownByTheirMarkAsWell) {
  begin_conversation();
  const std::uint64_t version = lizard().desired(k_device, R"({"valve":{"__t":"c","open":true}})");
  const auto claimer = new_claimer();
  ASSERT_TRUE(eventually([&] { return !claimer->unacknowledged().value().empty(); }));
  EXPECT_THAT(claimer->unacknowledged().value(), testing::ElementsAre("valve*open"));
  ASSERT_EQ(name_of(claimer->claim_properties({"valve*open"})), "well");
  ASSERT_TRUE(claimer->await_desired_changes(1));
  EXPECT_EQ(claimer->desired_changes().at(0).json, R"({"valve":{"__t":"c","open":true}})");
  ASSERT_EQ(name_of(claimer->acknowledge("valve*open", "true", 200, "", version)), "well");
  ASSERT_TRUE(await_reported("/valve/open/value", "true"));
  EXPECT_TRUE(claimer->unacknowledged().value().empty());
  expect_clean_stop();
}

TEST_F(Components, OfCommandsAreTakenApart) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"pump*prime", "prime"});
  CalledMethod of_pump = lizard().call(k_device, "pump*prime", "1");
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().at(0).component, "pump");
  EXPECT_EQ(claimer->invoked().at(0).name, "prime");
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 200, "1")), "well");
  EXPECT_EQ(of_pump.answer().status, 200);

  send_c2d("pump*prime", "2");
  ASSERT_TRUE(claimer->await_invoked(2));
  EXPECT_EQ(claimer->invoked().at(1).component, "pump");
  EXPECT_EQ(claimer->invoked().at(1).name, "prime");
  send_c2d("prime", "3");
  ASSERT_TRUE(claimer->await_invoked(3));
  EXPECT_EQ(claimer->invoked().at(2).component, "");
  EXPECT_EQ(lizard().command(k_device, "valve*prime", "").status, 404);
  expect_clean_stop();
}

TEST_F(Components, OfALongCommandReportTheirResultLater) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"pump*prime"});
  CalledMethod call = lizard().call(k_device, "pump*prime", R"({"seconds":3})");
  ASSERT_TRUE(claimer->await_invoked(1));
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().at(0).id, 202, "")), "well");
  EXPECT_EQ(call.answer().status, 202);
  ASSERT_EQ(name_of(claimer->report(R"({"pump":{"__t":"c","prime":{"value":{"litres":4.2}}}})")), "well");
  ASSERT_TRUE(await_reported("/pump/prime/value/litres", "4.2"));
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
