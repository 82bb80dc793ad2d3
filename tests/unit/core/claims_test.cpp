#include <iotc_ha/core/claims.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::core {
namespace {

TEST(Claims, ANameBelongsToWhoClaimedItFirst) {
  Claims claims;
  ASSERT_TRUE(claims.claim(":1.1", {"reboot", "pump*start"}));
  EXPECT_EQ(claims.owner("reboot"), ":1.1");
  EXPECT_EQ(claims.owner("start"), std::nullopt);
  const auto second = claims.claim(":1.2", {"blink", "reboot"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::Busy);
  EXPECT_NE(second.error().what.find("'reboot'"), std::string::npos) << second.error().what;
  EXPECT_EQ(claims.owner("blink"), std::nullopt) << "all or none";
}

TEST(Claims, ToClaimAgainWhatOneHasIsNoError) {
  Claims claims;
  ASSERT_TRUE(claims.claim(":1.1", {"reboot"}));
  EXPECT_TRUE(claims.claim(":1.1", {"reboot", "blink"}));
  EXPECT_EQ(claims.owner("blink"), ":1.1");
}

TEST(Claims, WhoLeavesFreesItsNamesAndThoseAlone) {
  Claims claims;
  ASSERT_TRUE(claims.claim(":1.1", {"reboot", "blink"}));
  ASSERT_TRUE(claims.claim(":1.2", {"stop"}));
  EXPECT_EQ(claims.release(":1.1"), (std::vector<std::string>{"blink", "reboot"}));
  EXPECT_EQ(claims.owner("reboot"), std::nullopt);
  EXPECT_EQ(claims.owner("stop"), ":1.2");
  EXPECT_TRUE(claims.ever_claimed("reboot"));
  EXPECT_FALSE(claims.ever_claimed("start"));
  EXPECT_TRUE(claims.claim(":1.3", {"reboot"}));
  EXPECT_TRUE(claims.release(":1.9").empty());
}

TEST(Claims, TheComponentsAreThoseOfTheNames) {
  Claims claims;
  ASSERT_TRUE(claims.claim(":1.1", {"pump*start", "pump*stop", "fanSpeed", "valve*open"}));
  EXPECT_EQ(claims.components(), (std::vector<std::string>{"pump", "valve"}));
}

TEST(Claims, ThereIsALimitForAllTogether) {
  Claims claims;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < Claims::k_names_max; ++i) names.push_back("n" + std::to_string(i));
  ASSERT_TRUE(claims.claim(":1.1", names));
  const auto more = claims.claim(":1.2", {"another"});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().fault, Fault::Busy);
}

}  // namespace
}  // namespace iotc_ha::core
