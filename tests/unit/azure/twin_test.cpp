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

TEST(Twin, TheReportedPartComesWithoutTheHubsOwnMembers) {
  EXPECT_EQ(
      reported_of_twin(
          R"({"desired":{"$version":7},"reported":{ "battery" : 60.60, "$metadata":{}, "fan":{"__t":"c"}, "$version":3}})"),
      R"({"battery":60.60,"fan":{"__t":"c"}})");
  EXPECT_EQ(reported_of_twin(R"({"reported":{"$version":1}})"), "{}");
  for (const auto& [text, complaint] :
       {std::pair{"", "the twin: it is not JSON"},
        std::pair{R"({"desired":{}})", "the twin: it has no 'reported' part"},
        std::pair{R"({"reported":[]})", "the twin's 'reported' part: it is not a JSON"}}) {
    const auto refused = reported_of_twin(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
    EXPECT_THAT(refused.error().what, HasSubstr(complaint));
  }
}

TEST(Components, AreKnownByTheirMarkOrByTheirName) {
  const DesiredDocument document{
      5, {{"fan", R"({"__t":"c","speed":1.10,"mode":null})"}, {"pump", R"({"on":true})"}, {"mode", R"({"on":true})"}}};
  const DesiredDocument expected{
      5, {{"fan*speed", "1.10"}, {"fan*mode", "null"}, {"pump*on", "true"}, {"mode", R"({"on":true})"}}};
  EXPECT_EQ(by_component(document, {"pump"}), expected);
}

TEST(Components, ThatAreNoObjectStayOneProperty) {
  const DesiredDocument document{5, {{"fan", "null"}, {"pump", "3"}, {"valve", R"(["__t","c"])"}, {"x", "\"c\""}}};
  EXPECT_EQ(by_component(document, {"fan", "pump", "valve"}), document);
}

TEST(Components, ThatAreEmptyHaveNoProperties) {
  const DesiredDocument document{5, {{"fan", R"({"__t":"c"})"}, {"pump", "{}"}, {"valve", "{}"}}};
  EXPECT_EQ(by_component(document, {"pump"}), (DesiredDocument{5, {{"valve", "{}"}}}));
}

TEST(Components, OnlyTheRightMarkCounts) {
  const DesiredDocument document{5, {{"a", R"({"__t":"C","b":1})"}, {"c", R"({"__t":{"__t":"c"},"d":1})"}}};
  EXPECT_EQ(by_component(document, {}), document);
}

TEST(Components, AreMarkedInADesiredPatch) {
  EXPECT_EQ(desired_patch({{"fan*speed", "1.10"}, {"fanSpeed", "42"}, {"fan*mode", "null"}, {"pump", "null"}}),
            R"({"fan":{"__t":"c","speed":1.10,"mode":null},"fanSpeed":42,"pump":null})");
  EXPECT_EQ(desired_patch({}), "{}");
  EXPECT_FALSE(desired_patch({{"fan*speed", "fast"}}));
  EXPECT_FALSE(desired_patch({{"fan*\xFF", "1"}}));
}

TEST(Components, OfAPropertyThatStandsTwiceTheLastCounts) {
  EXPECT_EQ(desired_patch({{"a", "1"}, {"b*c", "1"}, {"a", "2"}, {"b*c", "2"}}), R"({"a":2,"b":{"__t":"c","c":2}})");
  EXPECT_EQ(desired_patch({{"b*c", "1"}, {"b", "null"}}), R"({"b":null})");
  EXPECT_EQ(desired_patch({{"b", "null"}, {"b*c", "1"}}), R"({"b":{"__t":"c","c":1}})");
}

TEST(Components, ComeBackAsTheyWere) {
  const std::string patch = R"({"fan":{"__t":"c","speed":1.10},"a":[1],"pump":{"__t":"c","on":true}})";
  const auto document = desired_of_patch(patch.substr(0, patch.size() - 1) + R"(,"$version":3})");
  ASSERT_TRUE(document);
  const auto split = by_component(*document, {});
  ASSERT_TRUE(split);
  EXPECT_EQ(desired_patch(split->properties), patch);
}

TEST(Acknowledgement, OfComponentsStandInTheirComponentWithItsMark) {
  EXPECT_EQ(acknowledgement_patch(
                {{"fan*speed", "3", 200, 7, "completed"}, {"a", "1", 200, 7, ""}, {"fan*mode", "null", 400, 7, ""}}),
            R"({"fan":{"__t":"c","speed":{"value":3,"ac":200,"av":7,"ad":"completed"},)"
            R"("mode":{"value":null,"ac":400,"av":7}},"a":{"value":1,"ac":200,"av":7}})");
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
