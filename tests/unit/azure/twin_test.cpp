#include <iotc_ha/azure/twin.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using testing::HasSubstr;

TEST(Twin, TheDesiredPartOfAFullTwinIsReadWithItsVersion) {
  const auto document = desired_of_twin(
      R"({"desired":{"fanSpeed":42,"mode":"auto","limits":{"low":1.0,"$x":[1,2]},"$version":7},"reported":{"battery":60.6,"$version":3}})");
  ASSERT_TRUE(document) << document.error().what;
  const DesiredDocument expected{7,
                                 {{"fanSpeed", "42"}, {"mode", "\"auto\""}, {"limits", R"({"low":1.0,"$x":[1,2]})"}}};
  EXPECT_EQ(*document, expected);
}

TEST(Twin, AFreshTwinHasNoProperties) {
  EXPECT_EQ(desired_of_twin(R"({"desired":{"$version":1},"reported":{"$version":1}})"), (DesiredDocument{1, {}}));
}

TEST(Twin, APatchCarriesItsVersionAndNullForADeletedProperty) {
  const DesiredDocument expected{18446744073709551615U, {{"fanSpeed", "null"}}};
  EXPECT_EQ(desired_of_patch(R"({"fanSpeed":null,"$version":18446744073709551615})"), expected);
}

TEST(Twin, ValuesKeepTheirExactType) {
  const DesiredDocument expected{
      1, {{"a", "42"}, {"b", "42.0"}, {"c", "\"42\""}, {"d", "true"}, {"e", "-0.10"}, {"f", "[]"}}};
  EXPECT_EQ(desired_of_patch(R"({"a":42,"b":42.0,"c":"42","d":true,"e":-0.10,"f":[],"$version":1})"), expected);
}

TEST(Twin, TheHubsOwnMembersAreNoProperties) {
  EXPECT_EQ(desired_of_patch(R"({"$metadata":{"$lastUpdated":"x"},"a":1,"$version":2})"),
            (DesiredDocument{2, {{"a", "1"}}}));
}

TEST(Twin, WhatIsMissingOrBrokenIsNamed) {
  const std::pair<const char*, const char*> twins[] = {
      {"", "the twin: it is not JSON"},
      {"[]", "the twin: it is not a JSON object"},
      {"{}", "the twin: it has no 'desired' part"},
      {R"({"reported":{"desired":{}}})", "the twin: it has no 'desired' part"},
      {R"({"desired":null})", "the twin's 'desired' part: it is not a JSON object"},
      {R"({"desired":{"a":1}})", "the twin's 'desired' part: it has no '$version'"},
      {R"({"desired":{"$version":"7"}})", "its '$version' is no whole number, but \"7\""},
      {R"({"desired":{"$version":7.0}})", "its '$version' is no whole number, but 7.0"},
      {R"({"desired":{"$version":-1}})", "its '$version' is no whole number, but -1"},
      {R"({"desired":{"$version":18446744073709551616}})", "its '$version' is no whole number"},
      {R"({"desired":{"a":1e999,"$version":1}})", "beyond the range of a double"},
  };
  for (const auto& [text, complaint] : twins) {
    const auto refused = desired_of_twin(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
    EXPECT_THAT(refused.error().what, HasSubstr(complaint));
  }
  const auto patch = desired_of_patch(R"({"a":1})");
  ASSERT_FALSE(patch);
  EXPECT_EQ(patch.error().what, "the desired patch: it has no '$version'");
}

TEST(Acknowledgement, HasValueCodeVersionAndDescription) {
  EXPECT_EQ(acknowledgement_patch({{"fanSpeed", "42", 200, 7, "completed"}}),
            R"({"fanSpeed":{"value":42,"ac":200,"av":7,"ad":"completed"}})");
}

TEST(Acknowledgement, OneWithoutDescriptionLeavesItOut) {
  EXPECT_EQ(acknowledgement_patch({{"fanSpeed", "null", 200, 0, ""}}),
            R"({"fanSpeed":{"value":null,"ac":200,"av":0}})");
}

TEST(Acknowledgement, AllGoIntoOnePatchWithTheirValuesAsTheyCame) {
  EXPECT_EQ(acknowledgement_patch({{"a", "1.10", 404, 18446744073709551615U, "say \"what\""},
                                   {"b\"c", R"({"x": [ 1, 2 ]})", 400, 2, ""},
                                   {"d", "12345678901234567890123", 202, 2, ""}}),
            R"({"a":{"value":1.10,"ac":404,"av":18446744073709551615,"ad":"say \"what\""},)"
            R"("b\"c":{"value":{"x":[1,2]},"ac":400,"av":2},)"
            R"("d":{"value":12345678901234567890123,"ac":202,"av":2}})");
  EXPECT_EQ(acknowledgement_patch({}), "{}");
}

TEST(Acknowledgement, NeverSendsWhatIsNoJson) {
  for (const Acknowledgement& bad :
       {Acknowledgement{"a", "NaN", 200, 1, ""}, Acknowledgement{"a", "1e400", 200, 1, ""},
        Acknowledgement{"a", "", 200, 1, ""}, Acknowledgement{"a", "1},\"b\":{", 200, 1, ""},
        Acknowledgement{"a\xFF", "1", 200, 1, ""}, Acknowledgement{"a", "1", 200, 1, "\xFF"}}) {
    const auto refused = acknowledgement_patch({bad});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
    EXPECT_THAT(refused.error().what, HasSubstr("the acknowledgement of 'a"));
  }
}

}  // namespace
}  // namespace iotc_ha::azure
