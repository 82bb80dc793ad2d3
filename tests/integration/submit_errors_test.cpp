#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string k_error = "io.github.iotc_ha.Error.";
constexpr std::uint64_t k_a_day_in_2024_us = 1'717'243'200'123'000;  // 2024-06-01T12:00:00.123Z

class SubmitErrors : public Scene {
 protected:
  template <typename T>
  static std::string name_of(const Answer<T>& answer) {
    return answer ? "accepted" : answer.error().name;
  }
};
using SubmitOptionsAreSent = Scene;
using Flush = SubmitErrors;

TEST_F(SubmitErrors, EachHasItsNameAndNothingIsAccepted) {
  begin_for_callers();
  EXPECT_EQ(name_of(caller().submit("{\"half\":")), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(caller().submit("")), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(caller().submit("1", {.properties = {{"$.mid", "x"}}})), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(caller().submit("1", {.component = "not a name"})), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(caller().submit("1", {.message_id = "white space"})), k_error + "InvalidPayload");
  EXPECT_EQ(name_of(caller().submit_many({"1", "2", "{"})), k_error + "InvalidPayload");
  const std::string too_large = "\"" + std::string(256UL * 1024, 'x') + "\"";
  EXPECT_EQ(name_of(caller().submit(too_large)), k_error + "PayloadTooLarge");
  const std::string nearly_too_large = "\"" + std::string(255UL * 1024, 'x') + "\"";
  const std::string property(2UL * 1024, 'y');
  EXPECT_EQ(name_of(caller().submit(nearly_too_large, {.properties = {{"p", property}}})), k_error + "PayloadTooLarge");
  EXPECT_EQ(name_of(caller().submit("1", {.others = {{"colour", "red"}}})), "org.freedesktop.DBus.Error.InvalidArgs");
  EXPECT_EQ(name_of(caller().submit("1", {.others = {{"timestamp", "now"}}})),
            "org.freedesktop.DBus.Error.InvalidArgs");
  EXPECT_EQ(name_of(caller().submit_many({"1", "2"}, {.message_id = "one-for-two"})),
            "org.freedesktop.DBus.Error.InvalidArgs");
  EXPECT_EQ(name_of(caller().submit_many({})), "org.freedesktop.DBus.Error.InvalidArgs");
  EXPECT_EQ(figure("Accepted"), 0U);

  const auto largest = caller().submit(nearly_too_large);
  ASSERT_TRUE(largest.has_value()) << largest.error().text;
  ASSERT_TRUE(caller().flush(*largest, k_patience).has_value());
  EXPECT_EQ(Arrivals(lizard().telemetry()).at(*largest).body, nearly_too_large);
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(SubmitErrors, TheTextTellsWhatIsWrong) {
  begin_for_callers();
  const auto refused = caller().submit_many({"1", "[2", "3"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().text, testing::HasSubstr("message 2 of 3"));
  EXPECT_THAT(refused.error().text, testing::HasSubstr("none of them was accepted"));
  const auto unknown = caller().submit("1", {.others = {{"colour", "red"}}});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().text, testing::HasSubstr("colour"));
}

TEST_F(SubmitErrors, AFullSpoolThatIsToRejectSaysSoAndDropsNothing) {
  begin_without_hub("[spool]\nmax_bytes = \"1MiB\"\nwhen_full = \"reject\"\n");
  Accepted accepted;
  std::string refused;
  constexpr int k_more_than_there_is_room_for = 200;
  for (int number = 1; number <= k_more_than_there_is_room_for && refused.empty(); ++number) {
    const std::string text =
        R"({"filling":")" + std::string(10'000, 'x') + R"(","number":)" + std::to_string(number) + "}";
    const auto sequence = caller().submit(text);
    if (sequence) {
      accepted.emplace(*sequence, text);
    } else {
      refused = sequence.error().name;
    }
  }
  EXPECT_EQ(refused, k_error + "SpoolFull");
  EXPECT_GT(accepted.size(), 50U);
  lizard().revive("dps");
  expect_arrived({accepted});
  EXPECT_TRUE(bus().drops().empty());
  ASSERT_TRUE(caller().submit("1").has_value()) << "there is room again";
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(SubmitErrors, AFullSpoolThatIsToDropTheOldestTellsWhich) {
  begin_without_hub("[spool]\nmax_bytes = \"1MiB\"\n");
  constexpr std::uint64_t k_messages = 200;
  const std::string text = "\"" + std::string(10'000, 'x') + "\"";
  for (std::uint64_t number = 1; number <= k_messages; ++number) ASSERT_EQ(caller().submit(text).value(), number);
  lizard().revive("dps");
  ASSERT_TRUE(eventually([&] { return figure("Queued") == 0; }));

  const std::uint64_t dropped = figure("Dropped");
  EXPECT_GT(dropped, 50U);
  const Arrivals arrivals(lizard().telemetry());
  EXPECT_EQ(arrivals.size() + dropped, k_messages);
  for (std::uint64_t number = 1; number <= k_messages; ++number) {
    EXPECT_EQ(arrivals.contains(number), number > dropped) << "message " << number;
  }
  ASSERT_FALSE(bus().drops().empty());
  EXPECT_EQ(bus().drops().front().first, 1U);
  EXPECT_EQ(bus().drops().back().last, dropped);
  EXPECT_EQ(bus().drops().front().reason, "full");
  expect_audit_adds_up();
}

TEST_F(SubmitOptionsAreSent, ComponentIdTimeAndPropertiesReachTheHub) {
  begin_for_callers();
  const auto sequence = caller().submit(R"({"temperature":21.5})", {.component = "thermostat1",
                                                                    .properties = {{"alert", "yes & no"}},
                                                                    .timestamp_us = k_a_day_in_2024_us,
                                                                    .message_id = "mine-17"});
  ASSERT_TRUE(sequence.has_value()) << sequence.error().text;
  ASSERT_TRUE(caller().flush(*sequence, k_patience).has_value());
  const Arrivals arrivals(lizard().telemetry());
  const Received& received = arrivals.at(*sequence);
  EXPECT_EQ(received.mid, "mine-17");
  EXPECT_EQ(received.body, R"({"temperature":21.5})");
  EXPECT_EQ(received.created, "2024-06-01T12:00:00.123Z");
  EXPECT_EQ(received.properties.at("$.sub"), "thermostat1");
  EXPECT_EQ(received.properties.at("alert"), "yes & no");
  expect_clean_stop();
}

TEST_F(SubmitOptionsAreSent, WhatCameAboutWithoutAHubArrivesLaterWithItsOwnTime) {
  begin_without_hub();
  const auto sequence = caller().submit("1");
  ASSERT_TRUE(sequence.has_value()) << sequence.error().text;
  const std::int64_t accepted_us = mark().time_us;
  // The clock of the message is the one that ran when it was handed in, not when it is sent.
  ASSERT_TRUE(eventually([&] { return mark().time_us > accepted_us + 100'000; }));
  const std::string before = iso8601_utc(accepted_us);
  lizard().revive("dps");
  ASSERT_TRUE(caller().flush(*sequence, k_patience).has_value());
  const Arrivals arrivals(lizard().telemetry());
  EXPECT_LE(arrivals.at(*sequence).created, before);
  EXPECT_THAT(arrivals.at(*sequence).mid, testing::MatchesRegex("[0-9a-f]{8}-1"));
  expect_clean_stop();
}

TEST_F(Flush, ReturnsWhenAHubHasItAndTellsWhenThatTakesTooLong) {
  begin_for_callers();
  const auto first = caller().submit("1");
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(caller().flush(*first, k_patience).has_value());
  EXPECT_TRUE(Arrivals(lizard().telemetry()).contains(*first));

  for (const char* target : {"dps", "hub-a", "hub-b"}) lizard().attack(target, "kill");
  const auto second = caller().submit("2");
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(name_of(caller().flush(*second, milliseconds{50})), k_error + "TimedOut");
  EXPECT_TRUE(caller().flush(*first, milliseconds{50}).has_value()) << "of what was delivered before";
  EXPECT_EQ(name_of(caller().flush(*second + 1, k_patience)), "org.freedesktop.DBus.Error.InvalidArgs") << "none yet";
  lizard().revive("all");
  EXPECT_TRUE(caller().flush(*second, k_patience).has_value());
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
