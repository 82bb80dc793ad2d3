#include "harness/conversation.hpp"
#include "harness/hostile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

const std::string k_invalid_args = "org.freedesktop.DBus.Error.InvalidArgs";
const std::string k_huge = '"' + std::string(k_ten_megabytes, 'x') + '"';

using HostileProgram = Conversation;

TEST_F(HostileProgram, AsReportIsRefusedByNameAndNothingIsReported) {
  begin_conversation();
  const auto claimer = new_claimer();
  ASSERT_EQ(name_of(claimer->report(R"({"a":1})")), "well");
  ASSERT_TRUE(await_reported("/a", "1"));
  const std::uint64_t before = reported_version();
  for (const auto& [what, text] : texts_that_are_no_json()) {
    EXPECT_EQ(name_of(claimer->report(text)),
              k_error + (text.size() > 32UL * 1024 ? "PayloadTooLarge" : "InvalidPayload"))
        << what;
  }
  for (const std::string text :
       {"", "[]", "null", "1", R"("a")", R"({"$version":7})", R"({"a":{"$x":1}})", R"({"a.b":1})", R"({"a b":1})",
        R"({"":1})", R"({"a":9007199254740993})", R"({"a":[[[[[[[[[[[1]]]]]]]]]]]})"}) {
    EXPECT_EQ(name_of(claimer->report(text)), k_error + "InvalidPayload") << text;
  }
  EXPECT_EQ(name_of(claimer->report(R"({"a":)" + k_huge + '}')), k_error + "PayloadTooLarge");
  EXPECT_EQ(claimer->reported().value(), R"({"a":1})");

  ASSERT_EQ(name_of(claimer->report(R"({"a":2})")), "well");
  ASSERT_TRUE(await_reported("/a", "2"));
  EXPECT_EQ(reported_version(), before + 1);
  expect_clean_stop();
}

TEST_F(HostileProgram, AsManyReportsAsATwinHoldsAreTakenAndTheNextIsRefused) {
  begin_conversation();
  const auto claimer = new_claimer();
  const std::string value = '"' + std::string(4'000, 'x') + '"';
  int taken = 0;
  std::string refusal = "well";
  while (refusal == "well" && taken < 100) {
    refusal = name_of(claimer->report(R"({"p)" + std::to_string(taken) + R"(":)" + value + '}'));
    if (refusal == "well") ++taken;
  }
  EXPECT_EQ(refusal, k_error + "PayloadTooLarge");
  EXPECT_EQ(taken, 8);
  ASSERT_EQ(name_of(claimer->report(R"({"p0":null,"last":1})")), "well");
  ASSERT_TRUE(await_reported("/last", "1"));
  EXPECT_EQ(reported("/p7"), value);
  expect_clean_stop();
}

TEST_F(HostileProgram, AsCompleteIsRefusedByNameAndTheCommandCanStillBeAnswered) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  CalledMethod call = lizard().call(k_device, "reboot", "{}");
  ASSERT_TRUE(claimer->await_invoked(1));
  const std::uint64_t id = claimer->invoked().at(0).id;
  for (const auto& [what, text] : texts_that_are_no_json()) {
    EXPECT_EQ(name_of(claimer->complete(id, 200, text)), k_error + "InvalidPayload") << what;
  }
  EXPECT_EQ(name_of(claimer->complete(id, 200, k_huge)), k_error + "PayloadTooLarge");
  EXPECT_EQ(name_of(claimer->complete(id, -1, "1")), k_invalid_args);
  ASSERT_EQ(name_of(claimer->complete(id, 200, R"({"$x":1})")), "well");
  EXPECT_EQ(call.answer().payload, R"({"$x":1})");
  expect_clean_stop();
}

TEST_F(HostileProgram, AsAcknowledgementIsRefusedByNameAndThePropertyCanStillBeAnswered) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"target", "a.b", "$x", "pump*a b"});
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21})");
  ASSERT_TRUE(claimer->await_desired_changes(1));
  for (const auto& [what, text] : texts_that_are_no_json()) {
    EXPECT_EQ(name_of(claimer->acknowledge("target", text, 200, "", version)), k_error + "InvalidPayload") << what;
  }
  EXPECT_EQ(name_of(claimer->acknowledge("target", "", 200, "", version)), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(claimer->acknowledge("target", k_huge, 200, "", version)), k_error + "PayloadTooLarge");
  EXPECT_EQ(name_of(claimer->acknowledge("target", "21", 200, k_huge, version)), k_error + "PayloadTooLarge");
  EXPECT_EQ(name_of(claimer->acknowledge("target", "21", 99, "", version)), k_invalid_args);
  EXPECT_EQ(name_of(claimer->acknowledge("other", "21", 200, "", version)), k_error + "NotClaimed");
  for (const char* name : {"a.b", "$x", "pump*a b"}) {
    EXPECT_EQ(name_of(claimer->acknowledge(name, "1", 200, "", version)), k_error + "InvalidPayload") << name;
  }
  EXPECT_EQ(reported("/target"), "");
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 200, "", version)), "well");
  ASSERT_TRUE(await_reported("/target/value", "21"));
  expect_clean_stop();
}

TEST_F(HostileProgram, AsClaimIsRefusedByName) {
  begin_conversation();
  const auto claimer = new_claimer();
  const std::vector<std::string> too_many(1'001, "x");
  const std::vector<std::string> too_long{std::string(1'025, 'x')};
  for (const auto& names : {std::vector<std::string>{}, std::vector<std::string>{""}, too_many, too_long}) {
    EXPECT_EQ(name_of(claimer->claim_properties(names)), k_invalid_args) << names.size();
    EXPECT_EQ(name_of(claimer->claim_commands(names)), k_invalid_args) << names.size();
  }
  ASSERT_EQ(name_of(claimer->claim_commands({"reboot", "reboot"})), "well") << "to ask for the same twice is no wrong";
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
