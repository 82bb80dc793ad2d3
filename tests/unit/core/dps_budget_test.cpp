#include <iotc_ha/core/dps_budget.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

constexpr WallTime k_now{1'800'000'000s};

DpsBudget spent(std::uint32_t times, std::uint32_t per_hour = 60, WallTime at = k_now) {
  DpsBudget budget;
  for (std::uint32_t i = 0; i < times; ++i) budget.spend(per_hour, at);
  return budget;
}

TEST(DpsBudget, GivesWhatAnHourHasAtOnceAndThenOneAtATime) {
  EXPECT_EQ(spent(59).next(60, k_now), k_now);
  EXPECT_EQ(spent(60).next(60, k_now), k_now + 1min);
  EXPECT_EQ(spent(10, 10).next(10, k_now), k_now + 6min);
}

TEST(DpsBudget, IsNeverExceededInTheLongRun) {
  DpsBudget budget;
  WallTime now = k_now;
  int registrations = 0;
  while (now < k_now + 24h) {
    now = budget.next(60, now);
    ASSERT_LE(budget.next(60, now), now);  // what it promised is kept
    budget.spend(60, now);
    ++registrations;
  }
  EXPECT_LE(registrations, 25 * 60 + 1);
  EXPECT_GE(registrations, 25 * 60 - 1);
}

TEST(DpsBudget, IsPaidBackFirstWhenSomebodyWentOverIt) {
  EXPECT_EQ(spent(63).next(60, k_now), k_now + 4min);
  // A script that asks all day must not keep the device from DPS for days.
  EXPECT_LE(spent(5000).next(60, k_now), k_now + 1h + 1min);
}

TEST(DpsBudget, IsNeitherFilledNorEmptiedByAClockThatIsSetBack) {
  const DpsBudget budget = spent(60);
  EXPECT_EQ(budget.next(60, k_now - 24h), k_now - 24h + 1min);
  DpsBudget later = budget;
  later.spend(60, k_now - 24h);
  EXPECT_EQ(later.next(60, k_now - 24h), k_now - 24h + 2min);
}

TEST(DpsBudget, IsFullAtMostAfterAClockThatIsSetForward) {
  DpsBudget budget = spent(60);
  const WallTime later = k_now + std::chrono::years{10};
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(budget.next(60, later), later);
    budget.spend(60, later);
  }
  EXPECT_EQ(budget.next(60, later), later + 1min);
}

TEST(DpsBudget, DoesNotBelieveADiskThatHasLostItsMind) {
  for (const double told : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1e300}) {
    EXPECT_LE(DpsBudget(told, k_now).next(60, k_now), k_now + 1h + 1min);
  }
  EXPECT_EQ(DpsBudget(-5, k_now).next(60, k_now), k_now);
  EXPECT_EQ(DpsBudget(60, WallTime::min()).next(60, WallTime::max()), WallTime::max());
  EXPECT_LE(DpsBudget(60, WallTime::max()).next(60, k_now), k_now + 1min);
}

TEST(DpsBudget, OfNothingIsOneAnHour) {
  EXPECT_EQ(spent(0, 0).next(0, k_now), k_now);
  EXPECT_EQ(spent(1, 0).next(0, k_now), k_now + 1h);
}

}  // namespace
}  // namespace iotc_ha::core
