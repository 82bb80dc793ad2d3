#include "clock_watch.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::runtime {
namespace {

using namespace std::chrono_literals;

/// Clocks that go on together until something happens to them.
struct Clocks {
  ClockWatch::Shown shown{std::chrono::hours(24 * 20'000), 1h, 50min};  // a machine that has slept ten minutes before
  void run(std::chrono::microseconds time) {
    shown.realtime += time;
    shown.boottime += time;
    shown.monotonic += time;
  }
  void sleep(std::chrono::microseconds time) {
    shown.realtime += time;
    shown.boottime += time;
  }
};

TEST(ClockWatch, NothingIsToldOfTimeThatPasses) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  for (int i = 0; i < 3; ++i) {
    clocks.run(1h);
    const auto change = watch.look(clocks.shown);
    EXPECT_EQ(change.set, 0s);
    EXPECT_EQ(change.slept, 0s);
  }
}

TEST(ClockWatch, AStepOfTheClockIsToldOnceWithItsDirection) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  clocks.run(10s);
  clocks.shown.realtime += 2h;
  EXPECT_EQ(watch.look(clocks.shown).set, 2h);
  EXPECT_EQ(watch.look(clocks.shown).set, 0s);
  clocks.shown.realtime -= std::chrono::hours(24 * 365 * 50);
  const auto change = watch.look(clocks.shown);
  EXPECT_EQ(change.set, -std::chrono::hours(24 * 365 * 50));
  EXPECT_EQ(change.slept, 0s);
}

TEST(ClockWatch, ALeapSecondIsNoStepAndSmallStepsAddUp) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  clocks.shown.realtime -= 1s;
  EXPECT_EQ(watch.look(clocks.shown).set, 0s);
  clocks.shown.realtime -= 700ms;
  EXPECT_EQ(watch.look(clocks.shown).set, -2s);
  clocks.shown.realtime += 900ms;
  EXPECT_EQ(watch.look(clocks.shown).set, 0s);
}

TEST(ClockWatch, ASleepIsToldOnceAndIsNoStepOfTheClock) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  clocks.run(5s);
  clocks.sleep(8h);
  clocks.run(300ms);
  const auto change = watch.look(clocks.shown);
  EXPECT_EQ(change.slept, 8h);
  EXPECT_EQ(change.set, 0s);
  EXPECT_EQ(watch.look(clocks.shown).slept, 0s);
}

TEST(ClockWatch, ShortSleepsDoNotAddUp) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  for (int i = 0; i < 5; ++i) {
    clocks.sleep(900ms);
    EXPECT_EQ(watch.look(clocks.shown).slept, 0s);
  }
}

TEST(ClockWatch, ASleepAndAStepAreToldApart) {
  Clocks clocks;
  ClockWatch watch(clocks.shown);
  clocks.sleep(1h);
  clocks.shown.realtime -= 30min;
  const auto change = watch.look(clocks.shown);
  EXPECT_EQ(change.slept, 1h);
  EXPECT_EQ(change.set, -30min);
}

}  // namespace
}  // namespace iotc_ha::runtime
