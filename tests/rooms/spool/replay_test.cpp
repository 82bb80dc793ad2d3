#include "life.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class ReplayTest : public testing::Test {
 protected:
  static spool::Limits window(std::chrono::seconds window) {
    spool::Limits limits;
    limits.replay_window = window;
    return limits;
  }
  StateDirectory state_;
};

TEST_F(ReplayTest, AfterAFailoverWhatTheOtherHubHadComesAgainUnderTheSameIds) {
  std::vector<core::Telemetry> first;
  {
    Life life(state_.path(), window(10min));
    life.fill(5, 10);
    first = life.next(0);
    life.acknowledge(1, 3, "hub-a");
    life.acknowledge(4, 4, "hub-b");
    life.settle();
    EXPECT_EQ(life.account().delivered, 4U);
  }
  Life life(state_.path(), window(10min));
  life.replay("hub-b");
  const auto again = life.all();
  EXPECT_THAT(numbers_of(again), ElementsAre(1, 2, 3, 5));
  EXPECT_EQ(again[0], first[0]);
  const core::Account account = life.accounts()[0];
  EXPECT_EQ(account.delivered, 1U);
  EXPECT_EQ(account.replayed, 3U);
  EXPECT_EQ(account.queued, 4U);
  life.expect_adds_up();

  life.acknowledge(1, 3, "hub-b");
  life.acknowledge(5, 5, "hub-b");
  life.replay("hub-b");
  life.settle();
  EXPECT_EQ(life.figures().queued, 0U) << "what this hub has needs no replay";
  EXPECT_EQ(life.accounts()[0].delivered, 5U);
  life.expect_adds_up();
}

TEST_F(ReplayTest, WhoeverWaitsGetsWhatIsQueuedAgain) {
  Life life(state_.path(), window(10min));
  life.fill(3, 10);
  life.next(0);
  life.acknowledge(1, 3, "hub-a");
  life.settle();
  life.release();
  life.replay("hub-b");
  EXPECT_EQ(numbers_of(life.next(0)), range(1, 3));
}

TEST_F(ReplayTest, ALongReplayIsDoneInStepsAndInOrder) {
  Life life(state_.path(), window(10min));
  life.fill(3500, 10);
  ASSERT_EQ(life.all().size(), 3500U);
  life.acknowledge(1, 3500, "hub-a");
  life.settle();
  life.release();
  life.replay("hub-b");
  life.settle();
  EXPECT_EQ(life.figures().queued, 3500U) << "settled is what is whole";
  EXPECT_EQ(numbers_of(life.all()), range(1, 3500));
  life.expect_adds_up();
}

TEST_F(ReplayTest, WithoutAWindowNothingIsKept) {
  Life life(state_.path());
  life.fill(3, 10);
  life.next(0);
  life.acknowledge(1, 3, "hub-a");
  life.replay("hub-b");
  life.settle();
  EXPECT_EQ(life.figures().queued, 0U);
  life.expect_adds_up();
}

TEST_F(ReplayTest, WhatIsOlderThanTheWindowIsNotReplayedAndNotKept) {
  {
    Life life(state_.path(), window(1s));
    life.fill(3, 10);
    life.next(0);
    life.acknowledge(1, 3, "hub-a");
    life.settle();
    const auto acknowledged = std::chrono::steady_clock::now();
    ASSERT_TRUE(life.wait_until(
        [&](spool::Store& /*store*/) { return std::chrono::steady_clock::now() > acknowledged + 1100ms; }));
    life.replay("hub-b");
    life.settle();
    EXPECT_EQ(life.figures().queued, 0U);
    EXPECT_EQ(life.account().delivered, 3U);
    life.expect_adds_up();
  }
  EXPECT_EQ(state_.query("SELECT count(*) FROM kept"), 0);
}

TEST_F(ReplayTest, WhatIsKeptGoesBeforeWhatIsQueuedWhenTheSpoolIsFull) {
  spool::Limits limits = window(10min);
  limits.bytes_max = 20'000;
  limits.drop_oldest = false;
  Life life(state_.path(), limits);
  life.fill(17, 1000);
  life.next(0, 5);
  life.acknowledge(1, 5, "hub-a");
  life.fill(3, 1000, 1);
  EXPECT_THAT(life.dropped(), IsEmpty());
  life.release();
  life.replay("hub-b");
  const auto messages = life.all();
  EXPECT_EQ(messages.back().sequence, 20U);
  EXPECT_LT(messages.size(), 20U) << "some of the kept ones went";
  EXPECT_GE(messages.size(), 15U);
  life.expect_adds_up();
}

}  // namespace
}  // namespace iotc_ha::spool_test
