#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/device/sample.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace iotc_ha::device {
namespace {

using azure::Acknowledgement;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Echo, AnswersWithItsPayloadAsItCame) {
  for (const char* payload :
       {"\"hello\"", "\"gr\xC3\xBC\xC3\x9F\"", "42", "1.10", "null", R"({ "a" : [1, 2] })", "\"\\u00fc\""}) {
    const MethodAnswer answer = answer_method("echo", payload);
    EXPECT_EQ(answer.status, 200) << payload;
    EXPECT_EQ(answer.json, payload);
  }
}

TEST(Echo, AnswersNullWhenThereWasNoPayload) {
  EXPECT_EQ(answer_method("echo", "").status, 200);
  EXPECT_EQ(answer_method("echo", "").json, "null");
}

TEST(Echo, RefusesWhatIsNotJson) {
  for (const std::string& payload : {std::string("hello"), std::string("\"\xFF\""), std::string("1e400"),
                                     std::string("{"), std::string(100'000, '[')}) {
    const MethodAnswer answer = answer_method("echo", payload);
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.json, HasSubstr(R"({"error":"method 'echo': the payload cannot be read: it )"));
    EXPECT_TRUE(azure::compact_json(answer.json)) << answer.json;
  }
}

TEST(Echo, KeepsItsPayloadOutOfTheJournal) {
  EXPECT_THAT(answer_method("echo", "\"s3cret\"").journal, Not(HasSubstr("s3cret")));
  EXPECT_THAT(answer_method("echo", "s3cret").journal, Not(HasSubstr("s3cret")));
  EXPECT_THAT(answer_method("other", "\"s3cret\"").journal, Not(HasSubstr("s3cret")));
}

TEST(Method, AnUnknownOneGets404WithAJsonBody) {
  const MethodAnswer answer = answer_method("reboot", "{}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.json, R"({"error":"method 'reboot': this device does not have it"})");
  EXPECT_EQ(answer.journal, "method 'reboot' answered 404: this device does not have it");
  EXPECT_EQ(answer_method("Echo", "1").status, 404) << "names are case-sensitive";
}

TEST(Method, AHostileNameBreaksNeitherTheBodyNorTheJournal) {
  const MethodAnswer answer = answer_method("a\"}\n\xFF" + std::string(10'000, 'x'), "not json");
  EXPECT_EQ(answer.status, 404);
  EXPECT_TRUE(azure::compact_json(answer.json)) << answer.json;
  EXPECT_LT(answer.json.size(), 300U);
  EXPECT_THAT(answer.journal, Not(HasSubstr("\n")));
}

TEST(Command, SetAlarmTakesAnIsoTime) {
  for (const std::string time : {"14:30", "00:00", "23:59:59", "14:30:00Z", "14:30:00.123456Z", "14:30Z",
                                 "14:30:00+01:00", "14:30:00.5-11:30", "23:59:60Z"}) {
    const CommandOutcome outcome = take_command("setAlarm", '"' + time + '"');
    EXPECT_TRUE(outcome.known);
    EXPECT_EQ(outcome.journal, "command setAlarm: the alarm is set to " + time);
  }
}

TEST(Command, SetAlarmIgnoresWhatIsNoTimeAndSaysSo) {
  for (const std::string& payload :
       {std::string(""), std::string("14:30"), std::string("\"\""), std::string("\"24:00\""), std::string("\"14:60\""),
        std::string("\"1:30\""), std::string("\"14:30:61\""), std::string("\"14:30:00.\""), std::string("\"14:30 \""),
        std::string("\"14:30ZZ\""), std::string("\"14:30+1\""), std::string("\"14:30:00+24:00\""),
        std::string("\"-1:30\""), std::string("\"tomorrow\""), std::string("42"), std::string("null"),
        std::string("[\"14:30\"]"), std::string("\"\xFF\""),
        '"' + std::string("14:30:00.") + std::string(10'000, '5') + '"'}) {
    const CommandOutcome outcome = take_command("setAlarm", payload);
    EXPECT_TRUE(outcome.known);
    EXPECT_EQ(outcome.journal, "command setAlarm: ignored, because its payload is no JSON string with an ISO 8601 time")
        << payload;
  }
}

TEST(Command, AnUnknownOneAndAMissingNameAreSaidSo) {
  const CommandOutcome unknown = take_command("explode\n", "\"s3cret\"");
  EXPECT_FALSE(unknown.known);
  EXPECT_EQ(unknown.journal, "command 'explode?': ignored, this device does not have it");
  const CommandOutcome nameless = take_command("", "\"s3cret\"");
  EXPECT_FALSE(nameless.known);
  EXPECT_EQ(nameless.journal, "cloud-to-device message without a method-name: ignored");
}

TEST(Template, KnowsItsOwnNamesAndNoOthers) {
  EXPECT_TRUE(knows_method("echo"));
  EXPECT_TRUE(knows_command("setAlarm"));
  EXPECT_TRUE(knows_property("fanSpeed"));
  for (const char* name : {"", "Echo", "setAlarm*x", "fan*fanSpeed", "battery"}) {
    EXPECT_FALSE(knows_method(name) || knows_command(name) || knows_property(name)) << name;
  }
}

TEST(Desired, FanSpeedIsAppliedAndAcknowledged) {
  const DesiredOutcome outcome = apply_desired({7, {{"fanSpeed", "42"}}});
  EXPECT_EQ(outcome.fan_speed, 42);
  EXPECT_THAT(outcome.acknowledgements, ElementsAre(Acknowledgement{"fanSpeed", "42", 200, 7, "completed"}));
  EXPECT_EQ(outcome.journal, "desired properties, version 7; fanSpeed set to 42");
}

TEST(Desired, FanSpeedMustBeAnIntegerOf32Bits) {
  for (const char* value : {"0", "-3", "2147483647", "-2147483648"}) {
    EXPECT_EQ(apply_desired({1, {{"fanSpeed", value}}}).acknowledgements[0].code, 200) << value;
  }
  for (const char* value : {"42.0", "4.2e1", "\"42\"", "true", "[42]", "{}", "2147483648", "-2147483649", "1e3"}) {
    const DesiredOutcome outcome = apply_desired({8, {{"fanSpeed", value}}});
    EXPECT_FALSE(outcome.fan_speed) << value;
    EXPECT_THAT(outcome.acknowledgements,
                ElementsAre(Acknowledgement{"fanSpeed", value, 400, 8, "fanSpeed must be an integer of 32 bits"}));
    EXPECT_EQ(outcome.journal, "desired properties, version 8; fanSpeed refused: not an integer");
  }
}

TEST(Desired, ADeletedFanSpeedIsAcknowledgedWithNull) {
  const DesiredOutcome outcome = apply_desired({9, {{"fanSpeed", "null"}}});
  EXPECT_FALSE(outcome.fan_speed);
  EXPECT_THAT(outcome.acknowledgements, ElementsAre(Acknowledgement{"fanSpeed", "null", 200, 9, "removed"}));
}

TEST(Desired, WhatNobodyKnowsIsNamedAndLeftUnacknowledged) {
  const DesiredOutcome outcome =
      apply_desired({18446744073709551615U, {{"a\n", "1.10"}, {"fanSpeed", "1"}, {"b", R"({"c":[1]})"}}});
  EXPECT_THAT(outcome.acknowledgements,
              ElementsAre(Acknowledgement{"fanSpeed", "1", 200, 18446744073709551615U, "completed"}));
  EXPECT_THAT(outcome.unknown, ElementsAre("a\n", "b"));
  EXPECT_EQ(outcome.journal,
            "desired properties, version 18446744073709551615; fanSpeed set to 1; nobody answers for: a?, b");
}

TEST(Desired, AnEmptyDocumentHasNothingToAcknowledge) { EXPECT_TRUE(apply_desired({1, {}}).acknowledgements.empty()); }

TEST(Desired, AHugeDocumentMakesAShortJournalLine) {
  azure::DesiredDocument document{3, {}};
  for (int i = 0; i < 1'000; ++i) document.properties.push_back({"property" + std::to_string(i), "1"});
  const DesiredOutcome outcome = apply_desired(document);
  EXPECT_EQ(outcome.unknown.size(), 1'000U);
  EXPECT_LT(outcome.journal.size(), 300U);
}

TEST(Requests, OfRandomBytesAreAnsweredWithJsonAndOneLine) {
  std::mt19937_64 random(20261123);
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  const std::string alphabet = "{}[]\":,\\ue-+.0149TZ \n\xC3\xBC\xFF";
  const auto text = [&] {
    std::string made(below(24), '\0');
    for (char& c : made) c = below(4) == 0 ? static_cast<char>(below(256)) : alphabet[below(alphabet.size())];
    return made;
  };
  for (int round = 0; round < 20'000; ++round) {
    const MethodAnswer answer = answer_method(below(2) == 0 ? "echo" : text(), text());
    ASSERT_TRUE(azure::compact_json(answer.json)) << answer.json;
    ASSERT_EQ(answer.journal.find('\n'), std::string::npos);
    const CommandOutcome command = take_command(below(2) == 0 ? "setAlarm" : text(), '"' + text() + '"');
    ASSERT_EQ(command.journal.find('\n'), std::string::npos);
    const DesiredOutcome desired = apply_desired({1, {{"fanSpeed", text()}, {text(), text()}}});
    ASSERT_EQ(desired.acknowledgements.size() + desired.unknown.size(), 2U);
    ASSERT_EQ(desired.journal.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace iotc_ha::device
