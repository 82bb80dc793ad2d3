#include <iotc_ha/core/backoff.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUntilItsMaximum) {
  EXPECT_EQ(doubling(5s, 300s, 0), 5s);
  EXPECT_EQ(doubling(5s, 300s, 1), 10s);
  EXPECT_EQ(doubling(5s, 300s, 5), 160s);
  EXPECT_EQ(doubling(5s, 300s, 6), 300s);
}

TEST(Backoff, HoldsForAnyRound) {
  EXPECT_EQ(doubling(5s, 300s, 63), 300s);
  EXPECT_EQ(doubling(5s, 300s, 64), 300s);
  EXPECT_EQ(doubling(5s, 300s, 4'000'000'000U), 300s);
}

TEST(Backoff, JitterSpreadsOverTheWholeRange) {
  EXPECT_EQ(full_jitter(1s, 60s, 3, 0.0), 0s);
  EXPECT_EQ(full_jitter(1s, 60s, 3, 0.5), 4s);
  EXPECT_LT(full_jitter(1s, 60s, 3, 0.999'999), 8s);
  EXPECT_EQ(full_jitter(1s, 60s, 20, 0.5), 30s);
}

}  // namespace
}  // namespace iotc_ha::core
