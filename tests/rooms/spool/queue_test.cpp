#include "life.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class QueueTest : public testing::Test {
 protected:
  StateDirectory state_;
};

TEST_F(QueueTest, AMessageComesBackAsItWasHandedInAlsoInTheNextLife) {
  core::Submission given = message(std::string("{\"x\":\"\0\xc3\xa4\"}", 11));
  given.component = "thermostat";
  given.properties = {{"key", "value"}, {"", ""}, {"empty", ""}, {"binary", std::string("\0\n", 2)}};
  given.message_id = "my-own-id";
  given.created = core::WallTime{1'234'567'890'123'456us};
  core::Telemetry first;
  {
    Life life(state_.path());
    const auto accepted = life.append(std::vector{given});
    ASSERT_TRUE(accepted) << accepted.error().what;
    const auto messages = life.next(0);
    ASSERT_EQ(messages.size(), 1U);
    first = messages[0];
    EXPECT_EQ(first.sequence, accepted->first);
    EXPECT_EQ(first.body, given.body);
    EXPECT_EQ(first.component, given.component);
    EXPECT_EQ(first.properties, given.properties);
    EXPECT_EQ(first.message_id, "my-own-id");
    EXPECT_EQ(first.created, given.created);
    EXPECT_EQ(first.boot, life.account().boot);
  }
  Life life(state_.path());
  EXPECT_THAT(life.next(0), ElementsAre(first));
  EXPECT_THAT(life.notes(), IsEmpty());
}

TEST_F(QueueTest, MessagesComeInTheOrderInWhichTheyWereAccepted) {
  Life life(state_.path());
  life.fill(2500, 100, 7);
  EXPECT_EQ(numbers_of(life.all()), range(1, 2500));
  const auto messages = life.next(1000, 3);
  ASSERT_EQ(numbers_of(messages), range(1001, 1003));
  EXPECT_THAT(messages[0].body, HasSubstr("1000"));
}

TEST_F(QueueTest, NoMoreIsHandedOutThanWasAskedForButOneAlways) {
  Life life(state_.path());
  life.fill(10, 1000);
  EXPECT_EQ(numbers_of(life.next(0, 4)), range(1, 4));
  EXPECT_EQ(numbers_of(life.next(4, 100, 3500)), range(5, 7));
  EXPECT_EQ(numbers_of(life.next(7, 100, 1)), range(8, 8));
}

TEST_F(QueueTest, WhoeverWaitsGetsWhatIsAcceptedNext) {
  Life life(state_.path());
  life.fill(3, 10);
  life.next(0);
  std::promise<std::vector<core::Telemetry>> promise;
  life.on_loop([&](spool::Store& store) {
    store.next(3, 2, 1 << 20, [&](std::vector<core::Telemetry> messages) { promise.set_value(std::move(messages)); });
  });
  life.settle();
  life.fill(5, 10);
  const auto messages = promise.get_future().get();
  EXPECT_EQ(numbers_of(messages), range(4, 5)) << "as many as were asked for";
  EXPECT_EQ(messages[0].message_id.substr(8), "-4");
  EXPECT_EQ(numbers_of(life.next(5)), range(6, 8)) << "the others are there";
}

TEST_F(QueueTest, ANewQuestionTakesThePlaceOfTheOneBefore) {
  Life life(state_.path());
  int answered = 0;
  life.on_loop(
      [&](spool::Store& store) { store.next(0, 10, 1 << 20, [&](const auto& /*messages*/) { answered += 100; }); });
  life.settle();
  life.on_loop(
      [&](spool::Store& store) { store.next(0, 10, 1 << 20, [&](const auto& /*messages*/) { answered += 1; }); });
  life.fill(1, 10);
  life.settle();
  EXPECT_EQ(answered, 1);
}

TEST_F(QueueTest, AfterReleaseNobodyWaitsAndAllThatHasNotLeftComesAgain) {
  Life life(state_.path());
  life.fill(6, 10);
  const auto first = life.next(0);
  life.acknowledge(1, 1);
  life.acknowledge(4, 4);
  bool answered = false;
  life.on_loop([&](spool::Store& store) {
    store.next(6, 10, 1 << 20, [&](const auto& /*messages*/) { answered = true; });
    store.release();
  });
  const auto again = life.next(0);
  EXPECT_THAT(numbers_of(again), ElementsAre(2, 3, 5, 6));
  EXPECT_EQ(again[0], first[1]) << "under the same id";
  EXPECT_EQ(again[3], first[5]);
  life.fill(1, 10);
  life.settle();
  EXPECT_FALSE(answered);
}

TEST_F(QueueTest, WhatIsAskedForBeforeTheLoopRunsIsOneTransaction) {
  Life life(state_.path());
  life.fill(1, 10);
  life.settle();
  const std::uint64_t before = life.figures().bytes_written;
  if (before == 0) GTEST_SKIP() << "this kernel does not count what a thread writes";
  constexpr int k_callers = 50;
  int answered = 0;
  life.on_loop([&](spool::Store& store) {
    for (int i = 0; i < k_callers; ++i) {
      store.append({message("{}")}, [&](const core::Result<core::Sequences>& accepted) {
        EXPECT_TRUE(accepted);
        EXPECT_EQ(accepted->first, accepted->last);
        ++answered;
      });
    }
  });
  ASSERT_TRUE(life.wait_until([&](spool::Store& /*store*/) { return answered == k_callers; }));
  // Fifty rows fit into one or two pages; one by one each would have written its page and the account's.
  EXPECT_LT(life.figures().bytes_written - before, 10 * 4096U);
  EXPECT_EQ(numbers_of(life.all()), range(1, k_callers + 1));
}

TEST_F(QueueTest, ACommitOfOneMessageWritesTwoPages) {
  Life life(state_.path());
  life.fill(30, 20);
  const std::uint64_t before = life.figures().bytes_written;
  if (before == 0) GTEST_SKIP() << "this kernel does not count what a thread writes";
  life.fill(1, 20);
  const std::uint64_t written = life.figures().bytes_written - before;
  EXPECT_GT(written, 2 * 4096U);
  EXPECT_LT(written, 3 * 4096U);
}

TEST_F(QueueTest, NumbersAreNeverUsedTwiceThoughEverythingWasDelivered) {
  for (std::uint64_t life_number = 0; life_number < 4; ++life_number) {
    Life life(state_.path());
    const auto accepted = life.append({message("{}"), message("{}")});
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->first, 2 * life_number + 1);
    const auto messages = life.next(0);
    EXPECT_EQ(messages.size(), 2U);
    life.acknowledge(accepted->first, accepted->last);
    life.settle();
    EXPECT_EQ(state_.quarantined().size(), 0U);
  }
}

TEST_F(QueueTest, EachLifeHasALaterBootAndAnAccountOfItsOwn) {
  std::vector<std::uint64_t> boots;
  for (int i = 0; i < 3; ++i) {
    Life life(state_.path());
    life.fill(10, 10);
    boots.push_back(life.account().boot);
  }
  EXPECT_LT(boots[0], boots[1]);
  EXPECT_LT(boots[1], boots[2]);
  Life life(state_.path());
  const auto accounts = life.accounts();
  ASSERT_EQ(accounts.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(accounts[i].boot, boots[i]);
    EXPECT_EQ(accounts[i].accepted, 10U);
    EXPECT_EQ(accounts[i].queued, 10U);
  }
  EXPECT_EQ(accounts[3].accepted, 0U);
}

TEST_F(QueueTest, AnIdOfOursIsTheSameInEveryLifeAndOfNoOtherSpool) {
  core::Telemetry first;
  {
    Life life(state_.path());
    life.fill(2, 10);
    first = life.next(0)[0];
  }
  Life life(state_.path());
  EXPECT_EQ(life.next(0)[0].message_id, first.message_id);
  life.fill(1, 10);
  EXPECT_EQ(life.next(2)[0].message_id, first.message_id.substr(0, 8) + "-3");
  const StateDirectory other;
  Life stranger(other.path());
  stranger.fill(1, 10);
  EXPECT_NE(stranger.next(0)[0].message_id, first.message_id);
}

TEST_F(QueueTest, AcknowledgementsWaitForCompanyAndAreCountedAtOnce) {
  Life life(state_.path());
  life.fill(100, 10);
  const std::uint64_t bytes = life.figures().queued_bytes;
  ASSERT_EQ(life.next(0).size(), 100U);
  life.acknowledge(1, 50);
  const auto figures = life.figures();
  EXPECT_EQ(figures.queued, 50U);
  EXPECT_EQ(figures.delivered, 50U);
  EXPECT_LT(figures.queued_bytes, bytes);
  bool on_disk = true;
  life.on_loop([&](spool::Store& store) { on_disk = store.empty_up_to(50); });
  EXPECT_FALSE(on_disk) << "nothing has had to be written yet";
  life.fill(1, 10);
  life.on_loop([&](spool::Store& store) { on_disk = store.empty_up_to(50) && !store.empty_up_to(51); });
  EXPECT_TRUE(on_disk) << "they went with the next message";
  EXPECT_EQ(life.figures().queued, 51U);
  life.expect_adds_up();
}

TEST_F(QueueTest, AThousandAcknowledgementsWaitForNobody) {
  Life life(state_.path());
  life.fill(1500, 10);
  ASSERT_EQ(life.next(0, 1500).size(), 1500U);
  life.acknowledge(1, 1000);
  EXPECT_TRUE(life.wait_until([](spool::Store& store) { return store.empty_up_to(1000); }));
}

TEST_F(QueueTest, AnAcknowledgementIsOnDiskAfterFiveSecondsAtTheLatest) {
  Life life(state_.path());
  life.fill(2, 10);
  life.next(0);
  const auto before = std::chrono::steady_clock::now();
  life.acknowledge(1, 1);
  ASSERT_TRUE(life.wait_until([](spool::Store& store) { return store.empty_up_to(1); }));
  const auto waited = std::chrono::steady_clock::now() - before;
  EXPECT_GT(waited, spool::Store::k_acknowledged_wait - 1s);
  EXPECT_LT(waited, spool::Store::k_acknowledged_wait + 5s);
}

TEST_F(QueueTest, AnAcknowledgementOfWhatIsNotQueuedDoesNothing) {
  Life life(state_.path());
  life.fill(3, 10);
  life.next(0);
  life.acknowledge(2, 2);
  life.acknowledge(2, 2);
  life.acknowledge(70, 80);
  life.acknowledge(0, 0);
  life.settle();
  life.acknowledge(2, 2);
  life.quarantine(2, "gone already");
  life.settle();
  EXPECT_EQ(life.figures().delivered, 1U);
  EXPECT_EQ(life.figures().quarantined, 0U);
  EXPECT_EQ(life.figures().queued, 2U);
  life.expect_adds_up();
}

TEST_F(QueueTest, MoreThanMayWaitForTheDiskIsRefusedAsBusy) {
  Life life(state_.path());
  constexpr std::size_t k_size = 1 << 20;
  constexpr std::size_t k_count = 40;
  std::size_t accepted = 0;
  std::size_t busy = 0;
  life.on_loop([&](spool::Store& store) {
    for (std::size_t i = 0; i < k_count; ++i) {
      store.append({message(std::string(k_size, 'x'))}, [&](const core::Result<core::Sequences>& answer) {
        if (answer) {
          ++accepted;
        } else {
          EXPECT_EQ(answer.error().fault, core::Fault::Busy);
          ++busy;
        }
      });
    }
  });
  ASSERT_TRUE(life.wait_until([&](spool::Store& /*store*/) { return accepted + busy == k_count; }));
  EXPECT_EQ(accepted, (spool::Store::k_waiting_bytes_max >> 20U) - 1);
  EXPECT_EQ(life.figures().queued, accepted);
  life.fill(1, 10);
}

TEST_F(QueueTest, NoMessageAtAllIsNotAccepted) {
  Life life(state_.path());
  const auto answer = life.append(std::vector<core::Submission>{});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, core::Fault::InvalidPayload);
}

TEST_F(QueueTest, FiguresTellWhatIsThereAlsoAfterReopening) {
  core::SpoolFigures before;
  {
    Life life(state_.path());
    EXPECT_EQ(life.figures().oldest_queued, core::WallTime{});
    life.fill(20, 100);
    life.next(0);
    life.acknowledge(1, 5);
    life.settle();
    before = life.figures();
  }
  EXPECT_EQ(before.queued, 15U);
  EXPECT_GE(before.queued_bytes, 1500U);
  EXPECT_EQ(before.accepted, 20U);
  EXPECT_EQ(before.delivered, 5U);
  EXPECT_EQ(before.capacity, spool::Limits{}.bytes_max);
  const auto age = std::chrono::system_clock::now() - before.oldest_queued;
  EXPECT_GE(age, 0s);
  EXPECT_LT(age, 1min);
  Life life(state_.path());
  const auto after = life.figures();
  EXPECT_EQ(after.queued, before.queued);
  EXPECT_EQ(after.queued_bytes, before.queued_bytes);
  EXPECT_EQ(after.accepted, before.accepted);
  EXPECT_EQ(after.delivered, before.delivered);
  EXPECT_LT(std::chrono::abs(after.oldest_queued - before.oldest_queued), 1s);
  std::uint64_t last = 0;
  life.on_loop([&](spool::Store& store) { last = store.last_sequence(); });
  EXPECT_EQ(last, 20U);
}

}  // namespace
}  // namespace iotc_ha::spool_test
