// What is desired is answered once on every hub, however often and in what order it is told.

#include <iotc_ha/azure/desired.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::azure {
namespace {

using Properties = std::vector<DesiredProperty>;

std::string twin(const std::string& desired) { return R"({"desired":)" + desired + R"(,"reported":{"$version":1}})"; }

TEST(Desired, AWholeTwinWaitsToBeAnswered) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"fanSpeed":42,"name":"x","$version":7})")));
  EXPECT_EQ(desired.version(), 7U);
  EXPECT_EQ(desired.document(), R"({"fanSpeed":42,"name":"x"})");
  EXPECT_EQ(desired.waiting(), (Properties{{"fanSpeed", "42"}, {"name", R"("x")"}}));
  EXPECT_TRUE(desired.answered("fanSpeed", 7));
  EXPECT_FALSE(desired.answered("fanSpeed", 7));
  EXPECT_EQ(desired.waiting(), (Properties{{"name", R"("x")"}}));
}

TEST(Desired, TheSameTwinOfTheSameHubIsNotAnsweredAgain) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"fanSpeed":42,"$version":7})")));
  ASSERT_TRUE(desired.answered("fanSpeed", 7));
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"fanSpeed":42,"$version":7})")));
  EXPECT_TRUE(desired.waiting().empty());
}

TEST(Desired, AnotherHubIsAnsweredWithItsOwnVersion) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"fanSpeed":42,"$version":7})")));
  ASSERT_TRUE(desired.answered("fanSpeed", 7));
  ASSERT_TRUE(desired.take_twin("hub-b", twin(R"({"fanSpeed":42,"$version":2})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"fanSpeed", "42"}}));
  EXPECT_FALSE(desired.answered("fanSpeed", 7)) << "the version of the other hub";
  EXPECT_TRUE(desired.answered("fanSpeed", 2));
}

TEST(Desired, WhatIsGoneFromTheTwinIsToldAsDeleted) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"b":2,"$version":1})")));
  ASSERT_TRUE(desired.answered("a", 1));
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"b":2,"$version":2})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"a", "null"}, {"b", "2"}}));
}

TEST(Desired, APatchIsTakenOnceAndAGapIsSeen) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"$version":4})")));
  ASSERT_TRUE(desired.answered("a", 4));
  EXPECT_EQ(desired.take_patch(R"({"a":9,"$version":4})"), Desired::Taken::Old);
  EXPECT_EQ(desired.take_patch(R"({"b":{"x":1.50},"$version":5})"), Desired::Taken::New);
  EXPECT_EQ(desired.document(), R"({"a":1,"b":{"x":1.50}})");
  EXPECT_EQ(desired.take_patch(R"({"a":3,"$version":7})"), Desired::Taken::Gap);
  EXPECT_EQ(desired.version(), 5U);
  EXPECT_EQ(desired.waiting(), (Properties{{"b", R"({"x":1.50})"}}));
  EXPECT_FALSE(desired.take_patch("no JSON"));
  EXPECT_FALSE(desired.take_patch(R"({"a":3})")) << "without a version";
}

TEST(Desired, WhatCameInPiecesWaitsAsAWhole) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"net":{"ssid":"a"},"$version":4})")));
  ASSERT_EQ(desired.take_patch(R"({"net":{"psk":"b"},"$version":5})"), Desired::Taken::New);
  ASSERT_EQ(desired.take_patch(R"({"net":{"ssid":null},"$version":6})"), Desired::Taken::New);
  EXPECT_EQ(desired.waiting(), (Properties{{"net", R"({"psk":"b"})"}}));
  EXPECT_FALSE(desired.answered("net", 5));
  EXPECT_TRUE(desired.answered("net", 6));
}

TEST(Desired, WhatIsSetAgainToTheSameValueWantsAnAnswer) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"b":2,"$version":4})")));
  ASSERT_TRUE(desired.answered("a", 4));
  ASSERT_TRUE(desired.answered("b", 4));
  ASSERT_EQ(desired.take_patch(R"({"a":1,"$version":5})"), Desired::Taken::New);
  EXPECT_EQ(desired.waiting(), (Properties{{"a", "1"}}));
}

TEST(Desired, OnTheSameHubOnlyWhatHasChangedMeanwhileIsAnsweredAgain) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"b":20.0,"c":3,"$version":4})")));
  ASSERT_TRUE(desired.answered("a", 4));
  ASSERT_TRUE(desired.answered("b", 4));
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"b":20,"a":2,"c":3,"$version":6})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"a", "2"}, {"c", "3"}}));
  EXPECT_TRUE(desired.answered("c", 4)) << "an answer on its way to what has not changed";
}

TEST(Desired, ADeviceMadeAnewIsAnsweredAnew) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"$version":4})")));
  ASSERT_TRUE(desired.answered("a", 4));
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"$version":2})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"a", "1"}}));
  EXPECT_TRUE(desired.answered("a", 2));
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":9,"$version":2})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"a", "9"}})) << "the same version of another twin";
}

TEST(Desired, ADeletedComponentIsToldPropertyByProperty) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"pump":{"__t":"c","speed":1,"mode":"on"},"$version":1})")));
  ASSERT_TRUE(desired.answered("pump*mode", 1));
  ASSERT_EQ(desired.take_patch(R"({"pump":null,"$version":2})"), Desired::Taken::New);
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*mode", "null"}, {"pump*speed", "null"}}));
}

TEST(Desired, APatchWithoutTheMarkOfItsComponentIsOfTheComponent) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"pump":{"__t":"c","speed":1,"mode":"on"},"$version":1})")));
  ASSERT_TRUE(desired.answered("pump*mode", 1));
  ASSERT_EQ(desired.take_patch(R"({"pump":{"speed":2},"$version":2})"), Desired::Taken::New);
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*speed", "2"}}));
  desired.know_components({"pump"});
  desired.know_components({});
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*speed", "2"}}));
}

TEST(Desired, WhatWasDeletedAndNobodyAnswersDoesNotWaitForEver) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"$version":0})")));
  std::uint64_t version = 0;
  for (std::size_t i = 0; i < 2 * Desired::k_gone_max; ++i) {
    const std::string name = "\"day" + std::to_string(i) + "\":";
    ASSERT_EQ(desired.take_patch("{" + name + "1,\"$version\":" + std::to_string(++version) + "}"),
              Desired::Taken::New);
    ASSERT_EQ(desired.take_patch("{" + name + "null,\"$version\":" + std::to_string(++version) + "}"),
              Desired::Taken::New);
  }
  EXPECT_EQ(desired.waiting().size(), Desired::k_gone_max);
  EXPECT_TRUE(desired.answered("day" + std::to_string(2 * Desired::k_gone_max - 1), version)) << "the last is there";
}

TEST(Desired, AnAnswerToAnOlderValueLeavesTheNewerWaiting) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"b":1,"$version":4})")));
  ASSERT_EQ(desired.take_patch(R"({"a":2,"$version":5})"), Desired::Taken::New);
  EXPECT_FALSE(desired.answered("a", 4));
  EXPECT_TRUE(desired.answered("b", 4)) << "of b there is nothing newer";
  EXPECT_TRUE(desired.answered("a", 5));
}

TEST(Desired, PropertiesOfComponentsStandByThemselves) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"pump":{"__t":"c","speed":1,"mode":"on"},"$version":1})")));
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*mode", R"("on")"}, {"pump*speed", "1"}}));
  ASSERT_EQ(desired.take_patch(R"({"valve":{"open":true},"$version":2})"), Desired::Taken::New);
  ASSERT_TRUE(desired.answered("pump*mode", 2));
  desired.know_components({"valve"});
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*speed", "1"}, {"valve*open", "true"}}));
  ASSERT_EQ(desired.take_patch(R"({"valve":{"open":null},"$version":3})"), Desired::Taken::New);
  EXPECT_EQ(desired.waiting(), (Properties{{"pump*speed", "1"}, {"valve*open", "null"}}));
}

TEST(Desired, WhatWaitsOutlivesTheProcess) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"b":2.50,"$version":4})")));
  ASSERT_TRUE(desired.answered("a", 4));
  Desired next(desired.text());
  EXPECT_EQ(next.version(), 4U);
  EXPECT_EQ(next.document(), desired.document());
  EXPECT_EQ(next.waiting(), (Properties{{"b", "2.50"}}));
  ASSERT_TRUE(next.take_twin("hub-a", twin(R"({"a":1,"b":2.50,"$version":4})")));
  EXPECT_EQ(next.waiting(), (Properties{{"b", "2.50"}})) << "what was answered is not told again";
  EXPECT_EQ(next.text(), desired.text());
  EXPECT_TRUE(Desired("[]").waiting().empty());
}

TEST(Desired, ATwinThatCannotBeReadChangesNothing) {
  Desired desired;
  ASSERT_TRUE(desired.take_twin("hub-a", twin(R"({"a":1,"$version":4})")));
  EXPECT_FALSE(desired.take_twin("hub-b", "{}"));
  EXPECT_FALSE(desired.take_twin("hub-b", twin(R"({"a":1})")));
  EXPECT_EQ(desired.version(), 4U);
  EXPECT_EQ(desired.waiting().size(), 1U);
}

}  // namespace
}  // namespace iotc_ha::azure
