#include <iotc_ha/core/outbox.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Numbers = std::vector<std::uint64_t>;
using End = Outbox::End;

constexpr Instant k_now{100s};

std::vector<Telemetry> messages(std::uint64_t first, std::uint64_t last, std::size_t body_bytes = 20) {
  std::vector<Telemetry> all;
  for (std::uint64_t i = first; i <= last; ++i) {
    Telemetry message;
    message.sequence = i;
    message.message_id = "id-" + std::to_string(i);
    message.body = std::string(body_bytes, 'x');
    all.push_back(std::move(message));
  }
  return all;
}

Numbers taken(Outbox& outbox, Instant now = k_now) {
  Numbers numbers;
  for (const Telemetry& one : outbox.take(now)) numbers.push_back(one.sequence);
  return numbers;
}

Numbers range(std::uint64_t first, std::uint64_t last) {
  Numbers numbers(last - first + 1);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

Outbox holding(std::uint64_t first, std::uint64_t last) {
  Outbox outbox;
  outbox.load(messages(first, last));
  return outbox;
}

/// The hub closes the session on whatever is in flight; the same messages are read again for the next one.
void closed_and_again(Outbox& outbox, std::uint64_t first, std::uint64_t last) {
  outbox.session_ended(End::Closed);
  outbox.load(messages(first, last));
}

TEST(Outbox, SendsInOrderAndNoMoreThanItsWindow) {
  Outbox outbox = holding(1, 100);
  EXPECT_EQ(taken(outbox), range(1, 50));
  EXPECT_THAT(taken(outbox), IsEmpty());
  outbox.acknowledged(1, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(51));
}

TEST(Outbox, SendsAgainInOrderAndUnderTheSameIdsWhatTheLostSessionHadNotAcknowledged) {
  Outbox outbox = holding(1, 4);
  static_cast<void>(outbox.take(k_now));
  outbox.acknowledged(2, k_now);
  outbox.session_ended(End::Lost);
  EXPECT_EQ(outbox.loaded(), 0U);

  std::vector<Telemetry> left = messages(1, 4);
  left.erase(left.begin() + 1);  // the spool has deleted it
  outbox.load(left);
  EXPECT_EQ(outbox.take(k_now), left);
}

TEST(Outbox, AsksForMoreWhenHalfOfItIsFreeAndNeverHoldsMoreThanItsBounds) {
  Outbox outbox;
  EXPECT_EQ(outbox.room(), (Outbox::Room{0, Outbox::k_messages_max, Outbox::k_bytes_max}));
  outbox.load(messages(1, 501));
  EXPECT_FALSE(outbox.room());
  static_cast<void>(outbox.take(k_now));
  outbox.acknowledged(1, k_now);
  ASSERT_TRUE(outbox.room());
  EXPECT_EQ(outbox.room()->after, 501U);
  EXPECT_EQ(outbox.room()->count, 500U);
}

TEST(Outbox, BytesBoundItToo) {
  Outbox outbox;
  outbox.load(messages(1, 12, 200'000));
  EXPECT_FALSE(outbox.room());
}

TEST(Outbox, BeginsFromTheOldestWithEachSession) {
  Outbox outbox = holding(5, 9);
  outbox.session_ended(End::Planned);
  ASSERT_TRUE(outbox.room());
  EXPECT_EQ(outbox.room()->after, 0U);
}

TEST(Outbox, KnowsUpToWhereEverythingIsAcknowledged) {
  Outbox outbox = holding(11, 13);
  static_cast<void>(outbox.take(k_now));
  EXPECT_EQ(outbox.clear_up_to(), 10U);
  outbox.acknowledged(12, k_now);
  EXPECT_EQ(outbox.clear_up_to(), 10U);
  outbox.acknowledged(11, k_now);
  EXPECT_EQ(outbox.clear_up_to(), 12U);
  outbox.acknowledged(13, k_now);
  EXPECT_EQ(outbox.clear_up_to(), 13U);
}

TEST(Outbox, AnAcknowledgementOfSomethingElseChangesNothing) {
  Outbox outbox = holding(1, 2);
  static_cast<void>(outbox.take(k_now));
  outbox.acknowledged(1, k_now);
  outbox.acknowledged(1, k_now);
  outbox.acknowledged(7, k_now);
  EXPECT_EQ(outbox.in_flight(), 1U);
  EXPECT_EQ(outbox.loaded(), 1U);
}

// ---- A message that the hub cannot bear

/// Three sessions closed on messages 1 to 5.
Outbox with_five_suspects() {
  Outbox outbox = holding(1, 5);
  for (unsigned i = 0; i < Outbox::k_strikes; ++i) {
    EXPECT_EQ(taken(outbox), range(1, 5));
    closed_and_again(outbox, 1, 5);
  }
  return outbox;
}

TEST(Outbox, AfterThreeClosedSessionsEachSuspectIsSentAlone) {
  Outbox outbox = with_five_suspects();
  for (std::uint64_t i = 1; i <= 5; ++i) {
    EXPECT_THAT(taken(outbox), ElementsAre(i));
    EXPECT_THAT(taken(outbox), IsEmpty());
    outbox.acknowledged(i, k_now);
  }
  EXPECT_FALSE(outbox.take_condemned());
}

TEST(Outbox, AMessageOnWhichTheHubClosesAloneIsCondemnedWhenTheSameSessionHasTakenAnother) {
  Outbox outbox = with_five_suspects();
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  closed_and_again(outbox, 1, 5);

  EXPECT_THAT(taken(outbox), ElementsAre(2));  // the witness
  outbox.acknowledged(2, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  EXPECT_THAT(taken(outbox), IsEmpty());
  EXPECT_FALSE(outbox.take_condemned());
  outbox.session_ended(End::Closed);

  EXPECT_EQ(outbox.take_condemned(), 1U);
  EXPECT_FALSE(outbox.take_condemned());
  outbox.load(messages(3, 5));
  EXPECT_THAT(taken(outbox), ElementsAre(3));
}

TEST(Outbox, AnAccusedMessageThatTheHubTakesAfterItsWitnessIsFree) {
  Outbox outbox = with_five_suspects();
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  closed_and_again(outbox, 1, 5);
  EXPECT_THAT(taken(outbox), ElementsAre(2));
  outbox.acknowledged(2, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  outbox.acknowledged(1, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(3));
  outbox.session_ended(End::Closed);
  EXPECT_FALSE(outbox.take_condemned());
}

TEST(Outbox, ASessionThatEndsOtherwiseDuringTheTrialCondemnsNothing) {
  for (const End end : {End::Lost, End::Planned}) {
    Outbox outbox = with_five_suspects();
    EXPECT_THAT(taken(outbox), ElementsAre(1));
    closed_and_again(outbox, 1, 5);
    EXPECT_THAT(taken(outbox), ElementsAre(2));
    outbox.acknowledged(2, k_now);
    EXPECT_THAT(taken(outbox), ElementsAre(1));
    outbox.session_ended(end);
    EXPECT_FALSE(outbox.take_condemned());
    outbox.load({messages(1, 1).front(), messages(3, 3).front()});
    EXPECT_THAT(taken(outbox), ElementsAre(3)) << "a new session needs a new witness";
  }
}

TEST(Outbox, AHubThatClosesOnAnythingCondemnsNothing) {
  for (const int closed_sessions : {20, 21}) {  // a daily quota that is used up
    Outbox outbox = with_five_suspects();
    for (int i = 0; i < closed_sessions; ++i) {
      EXPECT_THAT(taken(outbox), SizeIs(1));
      closed_and_again(outbox, 1, 5);
      EXPECT_FALSE(outbox.take_condemned());
    }
    // Midnight. Whoever was sent as a witness last may be the first; then the rest, in order.
    Numbers order;
    while (outbox.loaded() > 0) {
      const Numbers next = taken(outbox);
      ASSERT_THAT(next, SizeIs(1));
      order.push_back(next.front());
      outbox.acknowledged(next.front(), k_now);
    }
    EXPECT_EQ(order, closed_sessions == 20 ? range(1, 5) : (Numbers{2, 1, 3, 4, 5}));
    outbox.session_ended(End::Closed);
    EXPECT_FALSE(outbox.take_condemned());
  }
}

TEST(Outbox, ASuspectWithoutAWitnessIsTriedAgainUntilThereIsOne) {
  Outbox outbox = holding(1, 1);
  for (unsigned i = 0; i < Outbox::k_strikes + 5; ++i) {
    EXPECT_THAT(taken(outbox), ElementsAre(1));
    closed_and_again(outbox, 1, 1);
    EXPECT_FALSE(outbox.take_condemned());
  }
  outbox.load(messages(2, 3));
  EXPECT_THAT(taken(outbox), ElementsAre(2));
  outbox.acknowledged(2, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  outbox.session_ended(End::Closed);
  EXPECT_EQ(outbox.take_condemned(), 1U);
  outbox.load(messages(3, 3));
  EXPECT_THAT(taken(outbox), ElementsAre(3));
}

TEST(Outbox, ASilentHubOrAPlannedEndIsHeldAgainstNoMessage) {
  Outbox outbox = holding(1, 5);
  for (const End end : {End::Lost, End::Planned, End::Lost, End::Planned, End::Lost}) {
    EXPECT_THAT(taken(outbox), testing::Not(IsEmpty()));
    outbox.session_ended(end);
    outbox.load(messages(1, 5));
  }
  EXPECT_EQ(taken(outbox), range(1, 5));
}

TEST(Outbox, AnAcknowledgementClearsAMessagesName) {
  Outbox outbox = holding(1, 2);
  for (unsigned i = 1; i < Outbox::k_strikes; ++i) {
    static_cast<void>(outbox.take(k_now));
    closed_and_again(outbox, 1, 2);
  }
  static_cast<void>(outbox.take(k_now));
  outbox.acknowledged(1, k_now);
  closed_and_again(outbox, 1, 2);  // replayed, say
  EXPECT_THAT(taken(outbox), ElementsAre(1));
  outbox.acknowledged(1, k_now);
  EXPECT_THAT(taken(outbox), ElementsAre(2));
}

// ---- The window

/// Acknowledges `count` messages of a full window, each after `round_trip`.
Instant acknowledge(Window& window, int count, Instant from, Instant::duration round_trip) {
  for (int i = 0; i < count; ++i, from += round_trip) window.acknowledged(from, from + round_trip, true);
  return from;
}

TEST(Window, GrowsByOneForEachWindowAcknowledgedInTimeUpToItsBound) {
  Window window;
  Instant now = acknowledge(window, 51, k_now, 10ms);
  EXPECT_EQ(window.size(), Window::k_first + 1);
  acknowledge(window, 200'000, now, 10ms);
  EXPECT_EQ(window.size(), Window::k_largest);
}

TEST(Window, DoesNotGrowWhileItIsNotTheLimit) {
  Window window;
  for (int i = 0; i < 1'000; ++i) window.acknowledged(k_now, k_now + 10ms, false);
  EXPECT_EQ(window.size(), Window::k_first);
}

TEST(Window, HalvesOnceForEverythingThatWasSentBeforeTheHubSlowedDown) {
  Window window;
  const Instant now = acknowledge(window, 1, k_now, 50ms);
  for (int i = 0; i < 20; ++i) window.acknowledged(now, now + 400ms, true);
  EXPECT_EQ(window.size(), Window::k_first / 2);
  window.acknowledged(now + 400ms, now + 800ms, true);
  EXPECT_EQ(window.size(), Window::k_first / 4);
}

TEST(Window, ASlowWayIsNoSlowHub) {
  Window window;
  acknowledge(window, 1'000, k_now, 2s);
  EXPECT_GT(window.size(), Window::k_first);
}

TEST(Window, HalvesWithEachLostSessionAndNeverEnds) {
  Window window;
  window.session_lost();
  EXPECT_EQ(window.size(), Window::k_first / 2);
  for (int i = 0; i < 100; ++i) window.session_lost();
  EXPECT_EQ(window.size(), Window::k_smallest);
}

TEST(Window, SettlesAtTheRateThatAThrottledHubGives) {
  // The hub takes a message each 10 ms, 20 ms away: the queue in front of it is what makes acknowledgements late.
  Window window;
  Instant hub_free = k_now;
  Instant now = k_now;
  std::deque<Instant> sent;
  Instant::duration longest_settled{0};
  for (int i = 0; i < 20'000; ++i) {
    while (sent.size() < window.size()) sent.push_back(now);
    hub_free = std::max(hub_free, sent.front()) + 10ms;
    now = std::max(now, hub_free + 20ms);
    if (i > 1'000) longest_settled = std::max(longest_settled, now - sent.front());
    window.acknowledged(sent.front(), now, true);
    sent.pop_front();
  }
  EXPECT_LT(longest_settled, 1s);
  EXPECT_GE(window.size(), 10U);  // and the hub is kept busy
}

}  // namespace
}  // namespace iotc_ha::core
