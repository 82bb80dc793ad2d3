#include "clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::provisioning {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Clock, IsRemarkedOnBeyondWhatAzureTolerates) {
  constexpr std::chrono::sys_seconds k_theirs{1'700'000'000s};
  EXPECT_EQ(clock_remark(k_theirs + 5min, k_theirs), "");
  EXPECT_EQ(clock_remark(k_theirs - 5min, k_theirs), "");
  EXPECT_THAT(clock_remark(k_theirs + 10min, k_theirs), HasSubstr("10 min ahead of"));
  EXPECT_THAT(clock_remark(k_theirs - 3h, k_theirs), HasSubstr("3 h behind"));
  EXPECT_THAT(clock_remark({}, k_theirs), HasSubstr("19676 days behind"));
}

TEST(Clock, ThatIsBeforeTheBuildIsHintedAt) {
  EXPECT_THAT(clock_hint({}), HasSubstr("1970-01-01"));
  EXPECT_EQ(clock_hint(std::chrono::system_clock::now()), "");
}

}  // namespace
}  // namespace iotc_ha::provisioning
