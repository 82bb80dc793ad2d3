#include "../comma_locale.hpp"

#include <iotc_ha/azure/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using testing::HasSubstr;

std::string refusal(std::string_view text) {
  const auto result = compact_json(text);
  if (result) return "accepted as " + *result;
  EXPECT_EQ(result.error().fault, Fault::InvalidPayload);
  return result.error().what;
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, LosesItsBlanksAndNothingElse) {
  EXPECT_EQ(
      compact_json(" { \"b\" : [ 1 , -2.50 , true , null , \"x y\" , { } , [ ] ] ,\n\t\"a\" : { \"c\" : false } } "),
      R"({"b":[1,-2.50,true,null,"x y",{},[]],"a":{"c":false}})");
  for (const char* scalar :
       {"0", "-7", "\"\"", "true", "false", "null", "[]", "{}", R"("a:[{,")", R"(["[","{",":"])"}) {
    EXPECT_EQ(compact_json(scalar), scalar);
  }
}

TEST(Json, NumbersKeepTheDigitsThatTheyCameWith) {
  for (const char* number : {"42", "42.0", "1.10", "1E5", "-1e-7", "9007199254740993", "18446744073709551615",
                             "-9223372036854775808", "18446744073709551616", "123456789012345678901234567890"}) {
    EXPECT_EQ(compact_json(number), number);
  }
}

TEST(Json, NumbersKeepTheirPointInALocaleWithAComma) {
  const test::CommaLocale comma;
  EXPECT_EQ(compact_json("[1.25,-2.5e3]"), "[1.25,-2.5e3]");
}

TEST(Json, ANumberThatNoDoubleCanHoldIsRefused) {
  EXPECT_THAT(refusal("1e400"), HasSubstr("beyond the range of a double"));
  EXPECT_THAT(refusal(R"({"a":[-1e999]})"), HasSubstr("beyond the range of a double"));
  EXPECT_THAT(refusal("NaN"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("Infinity"), HasSubstr("not JSON"));
}

TEST(Json, WhatIsNotJsonIsRefusedWithItsPlace) {
  for (const char* text : {"", " ", "{", "{]", "[1,]", "{\"a\"}", "{'a':1}", "01", "+1", "1.", ".5", "\"a", "nul",
                           "1 2", "[1] x", "// c\n1", "\"\t\"", R"("\ud800")", R"("\x")"}) {
    EXPECT_THAT(refusal(text), HasSubstr("not JSON (byte ")) << text;
  }
  EXPECT_THAT(refusal("[1,2,x]"), HasSubstr("(byte 6)"));
}

TEST(Json, BytesThatAreNotUtf8AreRefused) {
  for (const char* text :
       {"\"\xFF\"", "\"\xC3\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "{\"\x80\":1}"}) {
    EXPECT_THAT(refusal(text), HasSubstr("not JSON (byte "));
  }
  EXPECT_EQ(compact_json("\"gr\xC3\xBC\xC3\x9F \xF0\x9F\xA6\x8E\""), "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\xA6\x8E\"");
  EXPECT_EQ(compact_json(R"("\u00fc\ud83e\udd8e\u0000\n")"), "\"\xC3\xBC\xF0\x9F\xA6\x8E\\u0000\\n\"");
}

TEST(Json, SixtyFourLevelsAreReadAndAnotherIsRefusedHoweverManyFollow) {
  EXPECT_EQ(compact_json(nested(k_max_json_depth)), nested(k_max_json_depth));
  EXPECT_THAT(refusal(nested(k_max_json_depth + 1)), HasSubstr("deeper than 64 levels"));
  EXPECT_THAT(refusal(nested(1'000'000)), HasSubstr("deeper than 64 levels"));
  EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("deeper than 64 levels"));
  EXPECT_FALSE(members_of_object(R"({"a":)" + nested(k_max_json_depth) + "}"));
}

TEST(Json, TheMembersOfAnObjectComeInTheirOrder) {
  const auto members = members_of_object(R"({ "z": {"y": [1, {"x": 2}]}, "": "", "a\n": 1.0, "b": [ ] })");
  ASSERT_TRUE(members) << members.error().what;
  const std::vector<JsonMember> expected{{"z", R"({"y":[1,{"x":2}]})"}, {"", R"("")"}, {"a\n", "1.0"}, {"b", "[]"}};
  EXPECT_EQ(*members, expected);
  EXPECT_EQ(members_of_object("{}"), std::vector<JsonMember>{});
}

TEST(Json, OfAMemberThatStandsTwiceTheLastCounts) {
  const std::vector<JsonMember> expected{{"a", "3"}, {"b", "2"}};
  EXPECT_EQ(members_of_object(R"({"a":[1],"b":2,"a":3})"), expected);
}

TEST(Json, WhatIsNotAnObjectHasNoMembers) {
  for (const char* text : {"[]", "[{}]", "1", "1.5", "\"a\"", "null", "true"}) {
    const auto members = members_of_object(text);
    ASSERT_FALSE(members) << text;
    EXPECT_EQ(members.error().what, "it is not a JSON object");
  }
}

TEST(Json, TextIsQuotedWithItsEscapes) {
  EXPECT_EQ(quote_json("a\"b\\c\n\x01\xC3\xBC"), "\"a\\\"b\\\\c\\n\\u0001\xC3\xBC\"");
  EXPECT_FALSE(quote_json("a\xFF"));
}

}  // namespace
}  // namespace iotc_ha::azure
