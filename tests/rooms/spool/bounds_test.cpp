#include "life.hpp"
#include "transaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

using namespace std::chrono_literals;
using core::Dropped;
using core::Loss;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t k_body = 1000;

/// What a message with a body of k_body bytes and the number of one digit or two counts for.
std::uint64_t bytes_of_one() {
  core::Submission one = message(std::string(k_body, ' '));
  one.message_id = "01234567-10";
  return core::size_of(one);
}

class BoundsTest : public testing::Test {
 protected:
  static spool::Limits room_for(std::uint64_t messages) {
    spool::Limits limits;
    limits.bytes_max = messages * bytes_of_one();
    return limits;
  }
  StateDirectory state_;
};

TEST_F(BoundsTest, WhenFullTheOldestGoesForTheNewest) {
  Life life(state_.path(), room_for(20));
  life.fill(25, k_body, 1);
  EXPECT_EQ(numbers_of(life.all()), range(6, 25));
  std::uint64_t count = 0;
  for (const Dropped& dropped : life.dropped()) {
    EXPECT_EQ(dropped.reason, Loss::Full);
    EXPECT_EQ(dropped.first, count + 1);
    count += dropped.count;
  }
  EXPECT_EQ(count, 5U);
  EXPECT_EQ(life.account().dropped_full, 5U);
  EXPECT_LE(life.figures().queued_bytes, life.figures().capacity);
  life.expect_adds_up();
}

TEST_F(BoundsTest, AsManyOfTheOldestGoAsAreNeededInOneNotice) {
  Life life(state_.path(), room_for(20));
  life.fill(20, k_body);
  ASSERT_TRUE(life.append({message(std::string(7 * k_body, ' ')), message("{}")}));
  ASSERT_EQ(life.dropped().size(), 1U);
  EXPECT_EQ(life.dropped()[0], (Dropped{1, 7, 7, Loss::Full}));
  life.expect_adds_up();
}

TEST_F(BoundsTest, WhatIsHandedOutIsNeverDropped) {
  Life life(state_.path(), room_for(20));
  life.fill(20, k_body);
  ASSERT_EQ(life.next(0, 10).size(), 10U);
  life.fill(5, k_body, 1);
  EXPECT_EQ(life.dropped().front().first, 11U);
  life.release();
  std::vector<std::uint64_t> expected = range(1, 10);
  for (const std::uint64_t number : range(16, 25)) expected.push_back(number);
  EXPECT_EQ(numbers_of(life.all()), expected);
  life.release();
  life.fill(1, k_body);
  EXPECT_EQ(life.dropped().back().first, 1U) << "after release() it is as any other";
  life.expect_adds_up();
}

TEST_F(BoundsTest, WhereAllIsHandedOutTheSpoolIsFullAndNothingIsDropped) {
  Life life(state_.path(), room_for(20));
  life.fill(20, k_body);
  ASSERT_EQ(life.next(0, 19).size(), 19U);
  const auto refused = life.append(std::string(2 * k_body, ' '));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, core::Fault::SpoolFull);
  EXPECT_THAT(life.dropped(), IsEmpty());
  EXPECT_EQ(life.figures().queued, 20U);
}

TEST_F(BoundsTest, WithRejectTheNewOneIsRefusedAndOthersOfTheSameTransactionAreNot) {
  spool::Limits limits = room_for(20);
  limits.drop_oldest = false;
  Life life(state_.path(), limits);
  life.fill(19, k_body);
  std::vector<std::string> answers;
  life.on_loop([&](spool::Store& store) {
    for (const std::size_t size : {k_body + 500, k_body - 500, k_body}) {
      store.append({message(std::string(size, ' '))}, [&](const core::Result<core::Sequences>& answer) {
        answers.push_back(answer ? std::to_string(answer->first) : std::string(core::name_of(answer.error().fault)));
      });
    }
  });
  ASSERT_TRUE(life.wait_until([&](spool::Store& /*store*/) { return answers.size() == 3; }));
  EXPECT_THAT(answers, ElementsAre("SpoolFull", "20", "SpoolFull"));
  EXPECT_THAT(life.dropped(), IsEmpty());
  EXPECT_EQ(numbers_of(life.all()), range(1, 20));
  life.acknowledge(1, 2);
  EXPECT_TRUE(life.append(std::string(k_body, ' '))) << "what is acknowledged makes room at once";
  life.expect_adds_up();
}

TEST_F(BoundsTest, WhatIsLargerThanTheWholeSpoolIsRefusedAndDropsNothing) {
  Life life(state_.path(), room_for(20));
  life.fill(10, k_body);
  const auto refused = life.append(std::string(22 * k_body, ' '));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, core::Fault::SpoolFull);
  EXPECT_THAT(refused.error().what, HasSubstr(std::to_string(room_for(20).bytes_max)));
  EXPECT_EQ(life.figures().queued, 10U);
}

TEST_F(BoundsTest, ASmallerLimitHoldsFromTheNextMessageOn) {
  Life life(state_.path(), room_for(50));
  life.fill(50, k_body);
  life.on_loop([](spool::Store& store) { store.set_limits(room_for(10)); });
  life.fill(1, k_body);
  EXPECT_EQ(numbers_of(life.all()), range(42, 51));
  EXPECT_EQ(life.figures().capacity, room_for(10).bytes_max);
  life.expect_adds_up();
}

TEST_F(BoundsTest, WhatIsTooOldIsDroppedByItselfButNotWhatIsHandedOut) {
  Life life(state_.path());
  ASSERT_TRUE(life.append("{}"));
  ASSERT_EQ(life.next(0).size(), 1U);
  ASSERT_TRUE(life.append({message("{}"), message("{}")}));
  ASSERT_TRUE(life.append("{}"));
  spool::Limits limits;  // only now: a slow disk must not make the first too old before it is handed out
  limits.age_max = 1s;
  ASSERT_TRUE(life.wait_until([&](spool::Store& store) {
    store.set_limits(limits);  // looks at what is behind the first message, which is not done often
    return store.figures().dropped == 3;
  }));
  EXPECT_EQ(life.dropped().back().last, 4U);
  for (const Dropped& dropped : life.dropped()) EXPECT_EQ(dropped.reason, Loss::Expired);
  EXPECT_EQ(life.account().dropped_expired, 3U);
  life.expect_adds_up();
  life.release();
  EXPECT_TRUE(life.wait_until([&](spool::Store& store) {
    store.set_limits(limits);
    return store.figures().dropped == 4;
  }));
  EXPECT_TRUE(life.wait_until([](spool::Store& store) { return store.empty_up_to(4); }));
}

TEST_F(BoundsTest, WhatAnEarlierLifeAcceptedGrowsTooOldToo) {
  {
    Life life(state_.path());
    life.fill(3, 10);
  }
  spool::Limits limits;
  limits.age_max = 1s;
  Life life(state_.path(), limits);
  ASSERT_TRUE(life.wait_until([&](spool::Store& store) { return store.figures().dropped == 3; }));
  EXPECT_EQ(life.dropped()[0], (Dropped{1, 3, 3, Loss::Expired}));
  EXPECT_EQ(life.accounts()[0].dropped_expired, 3U);
  life.expect_adds_up();
}

TEST(AgeOfAMessage, InThePresentLifeIsNotChangedByAClockThatJumps) {
  const spool::Head head{1, 7, {core::Instant{10s}, core::WallTime{0s}}, 100};
  EXPECT_EQ(spool::age_of(head, {}, true, {core::Instant{70s}, core::WallTime{1'700'000'000s}}), 60s);
}

TEST(AgeOfAMessage, OfAnEarlierLifeGoesByTheClockThatTheLifeHadInTheEnd) {
  const spool::Head head{1, 7, {core::Instant{10s}, core::WallTime{20s}}, 100};
  spool::Life life;
  const spool::Moment now{core::Instant{5s}, core::WallTime{1'700'000'100s}};
  EXPECT_EQ(spool::age_of(head, life, false, now), 1'700'000'080s) << "as long as nothing better is known";
  life.clock = 1'699'999'990s;  // the time was set after the message had come
  EXPECT_EQ(spool::age_of(head, life, false, now), 100s);
}

TEST(AgeOfAMessage, IsNothingWhenItSeemsToComeFromTheFuture) {
  const spool::Head head{1, 7, {core::Instant{10s}, core::WallTime{500s}}, 100};
  EXPECT_EQ(spool::age_of(head, {}, false, {core::Instant{5s}, core::WallTime{20s}}), 0s);
}

TEST_F(BoundsTest, AQuarantinedMessageIsKeptAsideAndNeverHandedOutAgain) {
  {
    Life life(state_.path());
    life.fill(3, 10);
    life.next(0);
    life.quarantine(2, "hub-a closed the session 3 times");
    EXPECT_EQ(life.figures().quarantined, 1U) << "counted at once";
    life.release();
    EXPECT_THAT(numbers_of(life.next(0)), ElementsAre(1, 3));
    EXPECT_THAT(life.dropped(), ElementsAre(Dropped{2, 2, 1, Loss::Quarantined}));
    EXPECT_EQ(life.account().quarantined, 1U);
    life.expect_adds_up();
  }
  EXPECT_EQ(state_.query("SELECT count(*) FROM quarantine WHERE sequence = 2 AND body LIKE '1%' AND"
                         " why = 'hub-a closed the session 3 times' AND at > 0"),
            1);
  Life life(state_.path());
  EXPECT_THAT(numbers_of(life.next(0)), ElementsAre(1, 3));
}

TEST_F(BoundsTest, TheQuarantineIsBoundedAndTheAccountIsNot) {
  {
    Life life(state_.path());
    life.fill(1010, 10);
    life.next(0, 2000);
    life.on_loop([](spool::Store& store) {
      for (std::uint64_t number = 1; number <= 1005; ++number) store.quarantine(number, "why");
    });
    life.settle();
    EXPECT_EQ(life.account().quarantined, 1005U);
    life.expect_adds_up();
  }
  EXPECT_EQ(state_.query("SELECT count(*) FROM quarantine"), 1000);
  EXPECT_EQ(state_.query("SELECT min(sequence) FROM quarantine"), 6) << "the oldest went";
  {
    Life life(state_.path());
    life.fill(20, 1 << 20, 5);
    life.next(0, 2000);
    life.on_loop([](spool::Store& store) {
      for (std::uint64_t number = 1011; number <= 1030; ++number) store.quarantine(number, "why");
    });
    life.settle();
    life.expect_adds_up();
  }
  EXPECT_LE(state_.query("SELECT sum(bytes) FROM quarantine"), 16 << 20);
  EXPECT_EQ(state_.query("SELECT max(sequence) FROM quarantine"), 1030);
}

TEST_F(BoundsTest, AThousandLivesHaveALineEachAndTheOldestAreSummedUp) {
  {
    Life life(state_.path());
    life.fill(1, 10);  // stays: this life keeps its line
  }
  std::uint64_t accepted = 1;
  for (int i = 0; i < 1010; ++i) {
    Life life(state_.path());
    ASSERT_TRUE(life.append("{}"));
    ++accepted;
    life.acknowledge(accepted, accepted);
    life.settle();
  }
  Life life(state_.path());
  ASSERT_TRUE(life.append("{}"));
  const auto accounts = life.accounts();
  EXPECT_EQ(accounts.size(), 1000U);
  EXPECT_EQ(accounts[0].queued, 1U);
  EXPECT_EQ(accounts[0].lives, 1U);
  EXPECT_EQ(accounts[1].lives, 13U);
  EXPECT_EQ(accounts[1].delivered, 13U);
  EXPECT_EQ(life.figures().accepted, accepted + 1);
  life.expect_adds_up();
}

}  // namespace
}  // namespace iotc_ha::spool_test
