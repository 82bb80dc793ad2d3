// What is reported reaches whatever hub there is: in few patches, whole on the next hub, and never for ever in vain.

#include <iotc_ha/azure/reported.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::azure {
namespace {

/// A session with a hub that has nothing.
Reported with_session() {
  Reported reported;
  EXPECT_TRUE(reported.session_opened("{}"));
  return reported;
}

TEST(Reported, WhatIsReportedWhileAPatchIsUnderWayBecomesOnePatch) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"a":1})"));
  EXPECT_EQ(reported.next(), R"({"a":1})");
  ASSERT_TRUE(reported.report(R"({"b":1})"));
  ASSERT_TRUE(reported.report(R"({"a":2})"));
  ASSERT_TRUE(reported.report(R"({"c":{"x":1}})"));
  EXPECT_EQ(reported.next(), std::nullopt);
  reported.accepted();
  EXPECT_EQ(reported.next(), R"({"b":1,"a":2,"c":{"x":1}})");
  reported.accepted();
  EXPECT_TRUE(reported.idle());
}

TEST(Reported, WhatIsReportedWithoutASessionWaitsForOne) {
  Reported reported;
  ASSERT_TRUE(reported.report(R"({"a":1,"b":2})"));
  EXPECT_EQ(reported.next(), std::nullopt);
  ASSERT_TRUE(reported.session_opened(R"({"b":2})"));
  EXPECT_EQ(reported.next(), R"({"a":1})") << "only what the hub lacks";
}

TEST(Reported, AHubThatHasItAllIsToldNothing) {
  Reported reported;
  ASSERT_TRUE(reported.report(R"({"a":20.0,"b":{"x":1}})"));
  ASSERT_TRUE(reported.session_opened(R"({"b":{"x":1,"y":2},"a":20,"of":"others"})"));
  EXPECT_EQ(reported.next(), std::nullopt);
  EXPECT_TRUE(reported.idle());
}

TEST(Reported, WhatTheHubHasOtherwiseIsReportedAgain) {
  Reported reported;
  ASSERT_TRUE(reported.report(R"({"a":1,"b":{"x":1},"c":3})"));
  ASSERT_TRUE(reported.session_opened(R"({"a":7,"b":{"x":2,"y":2},"c":3})"));
  EXPECT_EQ(reported.next(), R"({"a":1,"b":{"x":1}})");
}

TEST(Reported, WhatWasDeletedIsDeletedOnAHubThatStillHasIt) {
  Reported reported;
  ASSERT_TRUE(reported.report(R"({"a":1,"b":2})"));
  ASSERT_TRUE(reported.report(R"({"a":null})"));
  ASSERT_TRUE(reported.session_opened(R"({"a":1,"b":2})"));
  EXPECT_EQ(reported.next(), R"({"a":null})");
}

TEST(Reported, WhatWasUnderWayWhenTheSessionEndedIsFoundMissingOnTheNextHub) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"a":1})"));
  ASSERT_TRUE(reported.next());
  reported.session_ended();
  EXPECT_EQ(reported.next(), std::nullopt);
  ASSERT_TRUE(reported.session_opened("{}"));
  EXPECT_EQ(reported.next(), R"({"a":1})");
}

TEST(Reported, AThrottledPatchIsJoinedWithWhatCameAfter) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"a":1,"b":1})"));
  ASSERT_TRUE(reported.next());
  ASSERT_TRUE(reported.report(R"({"a":2})"));
  reported.postponed();
  EXPECT_EQ(reported.next(), R"({"a":2,"b":1})");
}

TEST(Reported, AnObjectThatTookTheObjectsPlaceHasNothingOfIt) {
  Reported reported;
  ASSERT_TRUE(reported.session_opened(R"({"a":{"old":1}})"));
  ASSERT_TRUE(reported.report(R"({"a":null})"));
  ASSERT_TRUE(reported.report(R"({"a":{"new":2}})"));
  EXPECT_EQ(reported.next(), R"({"a":{"new":2,"old":null}})");
}

TEST(Reported, AnObjectThatTookThePlaceOfOneUnderWayHasNothingOfIt) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"a":{"old":1}})"));
  ASSERT_TRUE(reported.next());
  ASSERT_TRUE(reported.report(R"({"a":null})"));
  ASSERT_TRUE(reported.report(R"({"a":{"new":2}})"));
  reported.accepted();
  EXPECT_EQ(reported.next(), R"({"a":{"new":2,"old":null}})");
  reported.accepted();
  EXPECT_EQ(reported.document(), R"({"a":{"new":2}})");
}

TEST(Reported, AnAnswerTakesThePlaceOfTheOneBefore) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.replace(R"({"a":null})", R"({"a":{"value":{"x":1},"ac":200,"ad":"why"}})"));
  ASSERT_TRUE(reported.next());
  reported.accepted();
  ASSERT_TRUE(reported.replace(R"({"a":null})", R"({"a":{"value":{"y":2},"ac":200}})"));
  EXPECT_EQ(reported.next(), R"({"a":{"value":{"y":2,"x":null},"ac":200,"ad":null}})");
  reported.accepted();
  EXPECT_EQ(reported.document(), R"({"a":{"value":{"y":2},"ac":200}})");
  EXPECT_FALSE(reported.replace(R"({"a":null})", R"({"a":{"b.c":1}})"));
  EXPECT_EQ(reported.document(), R"({"a":{"value":{"y":2},"ac":200}})") << "all or nothing";
}

TEST(Reported, OfARefusedComponentWhatTheHubHasTakenStaysWanted) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"pump":{"__t":"c","speed":1}})"));
  ASSERT_TRUE(reported.next());
  reported.accepted();
  ASSERT_TRUE(reported.report(R"({"pump":{"__t":"c","bad":2}})"));
  ASSERT_TRUE(reported.next());
  EXPECT_EQ(reported.refused(), "pump");
  EXPECT_EQ(reported.text(), R"({"pump":{"__t":"c","speed":1}})");
}

TEST(Reported, WhatWasReportedSinceTheRefusedPatchIsNotGivenUpWithIt) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"a":"bad"})"));
  ASSERT_TRUE(reported.next());
  ASSERT_TRUE(reported.report(R"({"a":"good"})"));
  EXPECT_EQ(reported.refused(), "a");
  EXPECT_EQ(reported.text(), R"({"a":"good"})");
  EXPECT_EQ(reported.next(), R"({"a":"good"})");
}

TEST(Reported, OfARefusedPatchOnlyTheRefusedPropertyIsGivenUp) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report(R"({"good":1,"bad":2,"fine":3})"));
  ASSERT_TRUE(reported.next());
  EXPECT_EQ(reported.refused(), std::nullopt);
  EXPECT_EQ(reported.next(), R"({"good":1})");
  reported.accepted();
  EXPECT_EQ(reported.next(), R"({"bad":2})");
  EXPECT_EQ(reported.refused(), "bad");
  EXPECT_EQ(reported.next(), R"({"fine":3})");
  reported.accepted();
  EXPECT_TRUE(reported.idle());
  EXPECT_EQ(reported.document(), R"({"good":1,"fine":3})");
  ASSERT_TRUE(reported.session_opened(R"({"good":1,"fine":3})"));
  EXPECT_EQ(reported.next(), std::nullopt) << "it is not tried for ever";
}

TEST(Reported, WhatPassesIsNotKept) {
  Reported reported = with_session();
  ASSERT_TRUE(reported.report_passing(R"({"battery":50.5})"));
  EXPECT_EQ(reported.next(), R"({"battery":50.5})");
  EXPECT_EQ(reported.text(), "{}");
  reported.session_ended();
  ASSERT_TRUE(reported.report_passing(R"({"battery":51})"));
  ASSERT_TRUE(reported.session_opened("{}"));
  EXPECT_TRUE(reported.idle());
}

TEST(Reported, ItOutlivesTheProcess) {
  Reported reported;
  ASSERT_TRUE(reported.report(R"({"price":1.10,"gone":null})"));
  Reported next(reported.text());
  EXPECT_EQ(next.document(), R"({"price":1.10})") << "with its digits";
  ASSERT_TRUE(next.session_opened(R"({"gone":1})"));
  EXPECT_EQ(next.next(), R"({"price":1.10,"gone":null})");
  EXPECT_EQ(Reported("not JSON").document(), "{}");
}

TEST(Reported, ABadPatchChangesNothing) {
  Reported reported = with_session();
  for (const char* bad : {"", "[]", "1", R"({"a.b":1})", R"({"$version":1})", "{\"a\":\"\xff\"}"}) {
    const auto result = reported.report(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().fault, core::Fault::InvalidPayload) << bad;
  }
  EXPECT_TRUE(reported.idle());
  EXPECT_EQ(reported.text(), "{}");
}

TEST(Reported, AllTogetherIsNoMoreThanAHubTakes) {
  Reported reported = with_session();
  const std::string text(4000, 'x');
  core::Result<void> result;
  int taken = 0;
  for (; taken < 20 && result; ++taken)
    result = reported.report("{\"p" + std::to_string(taken) + "\":\"" + text + "\"}");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, core::Fault::PayloadTooLarge);
  EXPECT_EQ(taken, 9);
  EXPECT_TRUE(reported.report(R"({"p0":null})"));
  EXPECT_TRUE(reported.report("{\"p100\":\"" + text + "\"}")) << "there is room again";
}

TEST(Reported, TheMarksOfWhatWasDeletedDoNotGrowForEver) {
  Reported reported;
  const std::string name(200, 'x');
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(reported.report("{\"" + name + std::to_string(i) + "\":null}"));
  }
  EXPECT_LT(reported.text().size(), std::size_t{3} * 32 * 1024);
}

}  // namespace
}  // namespace iotc_ha::azure
