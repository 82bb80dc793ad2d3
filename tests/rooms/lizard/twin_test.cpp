#include "twin.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

constexpr core::WallTime k_now{};

TEST(Twin, MergesPatchesAndDeletesByNull) {
  Twin twin;
  EXPECT_EQ(twin.patch_reported(R"({"a":{"b":1,"c":2},"d":[1,2]})", k_now).value(), 2U);
  EXPECT_EQ(twin.patch_reported(R"({"a":{"b":null},"d":[3]})", k_now).value(), 3U);
  EXPECT_EQ(json::parse(twin.document())["reported"], json::parse(R"({"a":{"c":2},"d":[3],"$version":3})"));
}

TEST(Twin, PushesADesiredPatchWithItsVersion) {
  Twin twin;
  EXPECT_EQ(json::parse(twin.patch_desired(R"({"x":null,"y":2})", k_now).value()),
            json::parse(R"({"x":null,"y":2,"$version":2})"));
  EXPECT_EQ(json::parse(twin.document())["desired"], json::parse(R"({"y":2,"$version":2})"));
}

TEST(Twin, RefusesWhatAHubRefusesAndStaysAsItWas) {
  Twin twin;
  const std::string before = twin.document();
  std::string deep = "1";
  for (int i = 0; i < 11; ++i) deep = R"({"a":)" + deep + "}";
  for (const std::string& patch :
       {std::string("{"), std::string("[1]"), std::string("7"), std::string(R"({"a.b":1})"), std::string(R"({"$a":1})"),
        std::string(R"({"a b":1})"), std::string(R"({"a":4503599627370497})"),
        std::string(R"({"a":-4503599627370497})"), R"({"a":")" + std::string(4097, 'x') + R"("})", deep}) {
    const auto result = twin.patch_reported(patch, k_now);
    ASSERT_FALSE(result) << patch.substr(0, 60);
    EXPECT_EQ(result.error().fault, core::Fault::InvalidPayload);
  }
  EXPECT_EQ(twin.document(), before);
}

TEST(Twin, RefusesADocumentOfMoreThan32KiB) {
  Twin twin;
  for (int i = 0; i < 7; ++i) {
    EXPECT_TRUE(twin.patch_reported(R"({"k)" + std::to_string(i) + R"(":")" + std::string(4096, 'x') + R"("})", k_now));
  }
  const auto result = twin.patch_reported(R"({"last":")" + std::string(4096, 'x') + R"("})", k_now);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, core::Fault::PayloadTooLarge);
}

}  // namespace
}  // namespace iotc_ha::lizard
