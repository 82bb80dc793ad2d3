#include <iotc_ha/core/outbox.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Telemetry message(std::uint64_t sequence, WallTime created = WallTime{1h}) {
  Telemetry telemetry;
  telemetry.sequence = sequence;
  telemetry.message_id = "m";
  telemetry.body = std::string(99, 'x');  // 100 bytes with the id
  telemetry.created = created;
  return telemetry;
}

std::vector<std::uint64_t> sequences(const std::vector<Telemetry>& messages) {
  std::vector<std::uint64_t> all;
  for (const Telemetry& one : messages) all.push_back(one.sequence);
  return all;
}

Outbox filled(Outbox::Limits limits, std::uint64_t count) {
  Outbox outbox(limits);
  for (std::uint64_t i = 1; i <= count; ++i) EXPECT_THAT(outbox.add(message(i)), IsEmpty());
  return outbox;
}

constexpr Instant k_now{100s};

TEST(Outbox, SendsInOrderAndNoMoreThanItsWindow) {
  Outbox outbox = filled({.in_flight_max = 2}, 4);
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(1, 2));
  EXPECT_THAT(outbox.take(k_now), IsEmpty());
  EXPECT_TRUE(outbox.acknowledged(1));
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(3));
}

TEST(Outbox, SendsAgainInOrderWhatTheLostSessionHadNotAcknowledged) {
  Outbox outbox = filled({.in_flight_max = 3}, 4);
  static_cast<void>(outbox.take(k_now));
  EXPECT_TRUE(outbox.acknowledged(2));
  outbox.session_ended();
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(1, 3, 4));
}

TEST(Outbox, TakesAnAcknowledgementThatComesAfterTheSession) {
  Outbox outbox = filled({}, 2);
  static_cast<void>(outbox.take(k_now));
  outbox.session_ended();
  EXPECT_TRUE(outbox.acknowledged(1));
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(2));
}

TEST(Outbox, CountsAnAcknowledgementOnce) {
  Outbox outbox = filled({}, 1);
  static_cast<void>(outbox.take(k_now));
  EXPECT_TRUE(outbox.acknowledged(1));
  EXPECT_FALSE(outbox.acknowledged(1));
  EXPECT_EQ(outbox.in_flight(), 0U);
  EXPECT_EQ(outbox.queued_bytes(), 0U);
}

TEST(Outbox, DropsTheOldestWhenFullAndTellsWhich) {
  Outbox outbox = filled({.bytes_max = 300}, 3);
  EXPECT_THAT(outbox.add(message(4)), ElementsAre(1));
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(2, 3, 4));
}

TEST(Outbox, RejectsTheNewOneWhenToldToKeepTheOld) {
  Outbox outbox = filled({.bytes_max = 300, .drop_oldest = false}, 3);
  EXPECT_THAT(outbox.add(message(4)), ElementsAre(4));
  EXPECT_EQ(outbox.queued(), 3U);
}

TEST(Outbox, NeverDropsWhatIsInFlight) {
  Outbox outbox = filled({.bytes_max = 300, .in_flight_max = 2}, 3);
  static_cast<void>(outbox.take(k_now));
  EXPECT_THAT(outbox.add(message(4)), ElementsAre(3));
  EXPECT_THAT(outbox.add(message(5)), ElementsAre(4));
  EXPECT_TRUE(outbox.acknowledged(1));
  EXPECT_TRUE(outbox.acknowledged(2));
}

TEST(Outbox, DropsWhatIsTooOldAndTellsWhich) {
  Outbox outbox({});
  static_cast<void>(outbox.add(message(1, WallTime{1h})));
  static_cast<void>(outbox.add(message(2, WallTime{2h})));
  EXPECT_THAT(outbox.drop_older_than(WallTime{90min}), ElementsAre(1));
  EXPECT_THAT(sequences(outbox.take(k_now)), ElementsAre(2));
}

TEST(Outbox, KnowsSinceWhenTheHubOwesAnAcknowledgement) {
  Outbox outbox = filled({.in_flight_max = 1}, 2);
  EXPECT_FALSE(outbox.waiting_since());
  static_cast<void>(outbox.take(k_now));
  EXPECT_EQ(outbox.waiting_since(), k_now);
  EXPECT_TRUE(outbox.acknowledged(1));
  EXPECT_FALSE(outbox.waiting_since());
  static_cast<void>(outbox.take(k_now + 5s));
  EXPECT_EQ(outbox.waiting_since(), k_now + 5s);
}

}  // namespace
}  // namespace iotc_ha::core
