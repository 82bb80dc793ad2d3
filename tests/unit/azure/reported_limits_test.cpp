#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/merge_patch.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using testing::AllOf;
using testing::HasSubstr;

std::string refusal(std::string_view patch, Fault fault = Fault::InvalidPayload) {
  const auto checked = check_reported(patch);
  if (checked) return "taken";
  EXPECT_EQ(checked.error().fault, fault);
  return checked.error().what;
}

std::string with_value(const std::string& value) { return R"({"a":)" + value + '}'; }

std::string nested(std::size_t objects) {
  std::string text;
  for (std::size_t i = 0; i < objects; ++i) text += R"({"a":)";
  return text + '1' + std::string(objects, '}');
}

TEST(ReportedPatch, OfWhatATwinKeepsIsTaken) {
  for (const std::string patch :
       {R"({})", R"({"battery":60.6,"gone":null})", R"({"fan":{"__t":"c","speed":{"value":3,"ac":200,"av":7}}})",
        "{ \"gr\xC3\xBC\xC3\x9F\" : [1, {\"b-c/d\": true}] }", R"({"a":"$ . \n \u0000"})"}) {
    EXPECT_TRUE(check_reported(patch)) << patch;
  }
}

TEST(ReportedPatch, MustBeAJsonObject) {
  for (const char* patch : {"[]", "1", "null", "\"a\"", "-1", "1.5", "true"}) {
    EXPECT_EQ(refusal(patch), "the reported properties: it is not a JSON object");
  }
  for (const char* patch : {"", "{", "{'a':1}", "{\"a\":NaN}", "{\"a\":1}x", "{\"a\":\"\xFF\"}", "{\"\xC3\":1}"}) {
    EXPECT_THAT(refusal(patch), HasSubstr("it is not JSON (byte ")) << patch;
  }
  EXPECT_THAT(refusal(R"({"a":1e400})"), HasSubstr("beyond the range of a double"));
}

TEST(ReportedPatch, HasNoNamesThatATwinDoesNotKeep) {
  for (const char* name :
       {"$version", "a$", "a.b", "a b", " ", "\\n", "\\u0000", "\x7F", "\xC2\x80", "\xC2\x9F", "\\u0085"}) {
    EXPECT_THAT(refusal(R"({"x":[{"y":{")" + std::string(name) + R"(":1}}]})"),
                AllOf(HasSubstr("'x/y/"), HasSubstr("a name with '.', '$', a blank or a control character")));
  }
  EXPECT_THAT(refusal(R"({"":1})"), HasSubstr("a name that is empty"));
  EXPECT_TRUE(check_reported("{\"\xC2\xA0\":1}"));
  EXPECT_TRUE(check_reported(R"({")" + std::string(1'024, 'n') + R"(":1})"));
  EXPECT_THAT(refusal(R"({")" + std::string(1'025, 'n') + R"(":1})"), HasSubstr("a name longer than 1024 bytes"));
}

TEST(ReportedPatch, HasTenLevelsAtMost) {
  EXPECT_TRUE(check_reported(nested(10)));
  EXPECT_THAT(refusal(nested(11)), HasSubstr("'a/a/a/a/a/a/a/a/a/a/a': more than 10 levels"));
  EXPECT_TRUE(check_reported(with_value("[[[[[[[[[1]]]]]]]]]")));
  EXPECT_THAT(refusal(with_value("[[[[[[[[[[1]]]]]]]]]]")), HasSubstr("more than 10 levels"));
  EXPECT_THAT(refusal(with_value(std::string(30'000, '['))), HasSubstr("more than 10 levels"));
}

TEST(ReportedPatch, HasIntegersThatADoubleHoldsExactly) {
  for (const char* number : {"4503599627370496", "-4503599627370496", "1e300", "9007199254740993.5"}) {
    EXPECT_TRUE(check_reported(with_value(number))) << number;
  }
  for (const char* number : {"4503599627370497", "-4503599627370497", "18446744073709551615", "-9223372036854775808",
                             "123456789012345678901234567890", "-123456789012345678901234567890"}) {
    EXPECT_THAT(refusal(with_value(number)), HasSubstr("'a': an integer beyond 2^52")) << number;
  }
}

TEST(ReportedPatch, HasStringsOfFourKilobytesAtMost) {
  EXPECT_TRUE(check_reported(with_value('"' + std::string(4'096, 's') + '"')));
  EXPECT_THAT(refusal(with_value('"' + std::string(4'097, 's') + '"')), HasSubstr("'a': a string of 4097 bytes"));
}

TEST(ReportedPatch, IsRefusedUnreadWhenItIsTooLarge) {
  std::string patch = "{";
  for (int i = 0; patch.size() < k_reported_size_max - 100; ++i) patch += '"' + std::to_string(i) + R"(":1,)";
  patch += "\"last\":\"" + std::string(k_reported_size_max - patch.size() - 10, 'x') + "\"}";
  ASSERT_EQ(patch.size(), k_reported_size_max);
  EXPECT_TRUE(check_reported(patch));
  EXPECT_EQ(refusal(patch + ' ', Fault::PayloadTooLarge),
            "the reported properties have 32769 bytes; a hub takes 32768");
  for (const char hostile : {'[', '{', 'x', '\xFF', '"'}) {
    EXPECT_THAT(refusal(std::string(10'000'000, hostile), Fault::PayloadTooLarge), HasSubstr("10000000 bytes"));
  }
}

TEST(ReportedPatch, IsRefusedInOneShortLineWhateverItsNamesAre) {
  const std::string what = refusal("{\"a\":{\"\\n" + std::string(1'000, 'x') + "\":{\"$\":1}}}");
  EXPECT_LT(what.size(), 400U);
  EXPECT_EQ(what.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace iotc_ha::azure
