#include "caller.hpp"
#include "monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace iotc_ha::bus {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

using Numbers = std::vector<std::uint64_t>;
constexpr const char* k_invalid = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr const char* k_busy = "io.github.iotc_ha.Error.Busy";
constexpr int k_no_options = 0;

core::WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

class TelemetryTest : public testing::Test {
 public:
  TelemetryTest() {
    bus_.start();
    served_.emplace(bus_.address());
    caller_.emplace(bus_);
  }

 protected:
  template <typename Read>
  auto shelf(Read read) {
    decltype(read(served_->shelf)) value{};
    served_->on_loop([&](Service& /*service*/) { value = read(served_->shelf); });
    return value;
  }
  void hold() {
    served_->on_loop([&](Service& /*service*/) { served_->shelf.hold = true; });
  }
  /// Waits until so many answers are held back.
  bool holds(std::size_t count) {
    return eventually([&] { return shelf([](const Shelf& shelf) { return shelf.held.size(); }) == count; });
  }
  bool flushes_wait(std::size_t count) {
    return eventually([&] { return shelf([](const Shelf& shelf) { return shelf.flushes.size(); }) == count; });
  }

  PrivateBus bus_;
  std::optional<Served> served_;
  std::optional<Caller> caller_;
};

TEST_F(TelemetryTest, AMessageIsTakenWithAllItsOptionsAndAnsweredWithItsNumber) {
  const auto reply = caller_->call("Submit", "sa{sv}", R"({"temperature":21.5})", 4, "component", "s", "thermostat",
                                   "properties", "a{ss}", 2, "zone", "b", "alarm", "no", "timestamp", "t",
                                   std::uint64_t{1'700'000'000'000'001}, "message_id", "s", "mine-1");
  EXPECT_EQ(reply.error, "") << reply.text;
  EXPECT_EQ(reply.numbers, Numbers{1});
  const auto messages = shelf([](const Shelf& shelf) { return shelf.messages; });
  const core::Submission expected{R"({"temperature":21.5})",
                                  "thermostat",
                                  {{"alarm", "no"}, {"zone", "b"}},
                                  "mine-1",
                                  core::WallTime{std::chrono::microseconds{1'700'000'000'000'001}}};
  EXPECT_THAT(messages, ElementsAre(expected));
}

TEST_F(TelemetryTest, WithoutATimestampAMessageCameAboutWhenItWasHandedIn) {
  const core::WallTime before = wall_now();
  ASSERT_EQ(caller_->call("Submit", "sa{sv}", "{}", k_no_options).numbers, Numbers{1});
  const auto created = shelf([](const Shelf& shelf) { return shelf.messages.at(0).created; });
  EXPECT_GE(created, before);
  EXPECT_LE(created, wall_now());
}

TEST_F(TelemetryTest, ManyMessagesAreOneCallAndKeepTheirOrder) {
  caller_->call("Submit", "sa{sv}", "0", k_no_options);
  caller_->send_many({"1", "2", "3"});
  EXPECT_EQ(caller_->take_reply().numbers, (Numbers{2, 4}));
  caller_->send_many({"4"}, "mine");
  EXPECT_EQ(caller_->take_reply().numbers, (Numbers{5, 5}));
  EXPECT_THAT(shelf([](const Shelf& shelf) { return shelf.calls; }), ElementsAre(1, 3, 1));
  std::string bodies;
  for (const auto& message : shelf([](const Shelf& shelf) { return shelf.messages; })) bodies += message.body;
  EXPECT_EQ(bodies, "01234");
}

TEST_F(TelemetryTest, EveryWrongOptionIsNamedWithWhatWasExpected) {
  const auto with = [&](const char* name, const char* type, auto... value) {
    return caller_->call("Submit", "sa{sv}", "{}", 1, name, type, value...);
  };
  const std::array replies{
      std::pair{with("colour", "s", "red"), "option \"colour\" is not one of component, properties, timestamp"},
      std::pair{with("component", "t", std::uint64_t{1}), "option \"component\" must be of type s, not t"},
      std::pair{with("message_id", "as", 0), "option \"message_id\" must be of type s, not as"},
      std::pair{with("properties", "a{sv}", 0), "option \"properties\" must be of type a{ss}, not a{sv}"},
      std::pair{with("timestamp", "s", "now"), "option \"timestamp\" must be of type t, not s"},
      std::pair{with("timestamp", "x", std::int64_t{1}), "option \"timestamp\" must be of type t, not x"},
      std::pair{with("timestamp", "t", std::uint64_t{0}),
                "option \"timestamp\" must be microseconds since 1970, from 1"},
      std::pair{with("timestamp", "t", std::uint64_t{253'402'300'800'000'000}),
                "the year 9999), not 253402300800000000"},
  };
  for (const auto& [reply, expected] : replies) {
    EXPECT_EQ(reply.error, k_invalid);
    EXPECT_THAT(reply.text, HasSubstr(expected));
  }
  EXPECT_EQ(with("timestamp", "t", std::uint64_t{253'402'300'799'999'999}).error, "") << "the last moment that fits";
  EXPECT_EQ(with("component", "s", "").error, "");
  EXPECT_THAT(shelf([](const Shelf& shelf) { return shelf.messages; }), SizeIs(2)) << "of the wrong ones, none";
}

TEST_F(TelemetryTest, AListThatIsEmptyOrTooLongOrSharesAMessageIdIsRefused) {
  caller_->send_many({});
  const auto empty = caller_->take_reply();
  EXPECT_EQ(empty.error, k_invalid);
  EXPECT_EQ(empty.text, "json must hold 1 to 10000 messages, not 0");
  caller_->send_many(std::vector<std::string>(10'001, "{}"));
  EXPECT_EQ(caller_->take_reply().text, "json must hold 1 to 10000 messages, not 10001");
  caller_->send_many({"1", "2"}, "mine");
  const auto shared = caller_->take_reply();
  EXPECT_EQ(shared.error, k_invalid);
  EXPECT_EQ(shared.text, "option \"message_id\" is for one message, not for 2");
  EXPECT_EQ(shelf([](const Shelf& shelf) { return shelf.last_sequence; }), 0U);
  caller_->send_many(std::vector<std::string>(10'000, "{}"));
  EXPECT_EQ(caller_->take_reply().numbers, (Numbers{1, 10'000}));
}

TEST_F(TelemetryTest, WhatTheAgentRefusesHasTheNameOfItsFaultAndItsReason) {
  EXPECT_EQ(caller_->call("Submit", "sa{sv}", "{\"a\":", k_no_options).error, "io.github.iotc_ha.Error.InvalidPayload");
  const std::string large = "\"" + std::string(262'144, 'x') + "\"";
  EXPECT_EQ(caller_->call("Submit", "sa{sv}", large.c_str(), k_no_options).error,
            "io.github.iotc_ha.Error.PayloadTooLarge");
  for (const core::Fault fault : {core::Fault::SpoolFull, core::Fault::StorageFailed, core::Fault::Busy}) {
    served_->on_loop([&](Service& /*service*/) { served_->shelf.refusal = core::Error{fault, "because", {}}; });
    const auto reply = caller_->call("Submit", "sa{sv}", "{}", k_no_options);
    EXPECT_EQ(reply.error, "io.github.iotc_ha.Error." + std::string(core::name_of(fault)));
    EXPECT_EQ(reply.text, "because");
  }
}

TEST_F(TelemetryTest, ACallerWhoWaitsDelaysNoOther) {
  hold();
  Caller other(bus_);
  caller_->send("Submit", "sa{sv}", "\"first\"", k_no_options);
  ASSERT_TRUE(holds(1));
  caller_->send("Flush", "tt", std::uint64_t{1}, std::uint64_t{1'000'000});
  ASSERT_TRUE(flushes_wait(1));
  other.send("Submit", "sa{sv}", "\"second\"", k_no_options);
  ASSERT_TRUE(holds(2));
  EXPECT_EQ(bus_.get_property("Version"), R"(s "1.2.3")");

  served_->on_loop([&](Service& /*service*/) { served_->shelf.held.at(1)(); });
  EXPECT_EQ(other.take_reply().numbers, Numbers{2});
  served_->on_loop([&](Service& /*service*/) { served_->shelf.flushes.at(0).answer({}); });
  EXPECT_THAT(caller_->take_reply().numbers, IsEmpty());
  served_->on_loop([&](Service& /*service*/) { served_->shelf.held.at(0)(); });
  EXPECT_EQ(caller_->take_reply().numbers, Numbers{1});
}

TEST_F(TelemetryTest, FlushHandsOnWhatIsWaitedForAndHowLongAtMost) {
  caller_->send("Flush", "tt", std::uint64_t{41}, std::uint64_t{2'500'000});
  caller_->send("Flush", "tt", std::uint64_t{42}, UINT64_MAX);
  ASSERT_TRUE(flushes_wait(2));
  served_->on_loop([&](Service& /*service*/) {
    const auto& flushes = served_->shelf.flushes;
    EXPECT_EQ(flushes[0].sequence, 41U);
    EXPECT_EQ(flushes[0].timeout, std::chrono::milliseconds{2'500});
    EXPECT_EQ(flushes[1].sequence, 42U);
    EXPECT_EQ(flushes[1].timeout, std::chrono::hours{24});
    flushes[0].answer({});
    flushes[1].answer(core::fail(core::Fault::MessagesDropped, "message 40 expired"));
  });
  EXPECT_EQ(caller_->take_reply().error, "");
  const auto dropped = caller_->take_reply();
  EXPECT_EQ(dropped.error, "io.github.iotc_ha.Error.MessagesDropped");
  EXPECT_EQ(dropped.text, "message 40 expired");
}

TEST_F(TelemetryTest, MoreCallsThanMayWaitAreAnsweredBusyAtOnceAndTakeNoPlace) {
  std::vector<std::unique_ptr<Caller>> callers;  // the bus lets each have 128 calls unanswered
  for (int i = 0; i < 10; ++i) callers.push_back(std::make_unique<Caller>(bus_));
  const auto send_100_each = [&](const auto& send) {
    for (const auto& caller : callers) {
      for (int i = 0; i < 100; ++i) send(*caller);
    }
  };
  send_100_each([](Caller& caller) { caller.send("Flush", "tt", std::uint64_t{1}, UINT64_MAX); });
  ASSERT_TRUE(flushes_wait(1'000));
  const auto refused = caller_->call("Flush", "tt", std::uint64_t{2}, UINT64_MAX);
  EXPECT_EQ(refused.error, k_busy);
  EXPECT_EQ(refused.text, "1000 calls of Flush are waiting already");

  served_->on_loop([&](Service& /*service*/) {
    for (const auto& flush : served_->shelf.flushes) flush.answer({});
    served_->shelf.flushes.clear();
    served_->shelf.hold = true;
  });
  for (const auto& caller : callers) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(caller->take_reply().error, "");
  }
  caller_->send("Flush", "tt", std::uint64_t{3}, UINT64_MAX);
  EXPECT_TRUE(flushes_wait(1)) << "whoever was answered has left his place";

  send_100_each([](Caller& caller) { caller.send("GetAccount", ""); });
  ASSERT_TRUE(holds(1'000));
  EXPECT_EQ(caller_->call("GetAccount", "").error, k_busy);
  caller_->send("Submit", "sa{sv}", "{}", k_no_options);
  EXPECT_TRUE(holds(1'001)) << "each kind of call has a limit of its own";
}

TEST_F(TelemetryTest, AnAnswerIsGivenOnceAndOneForACallerWhoIsGoneGoesNowhere) {
  hold();
  caller_->send("Submit", "sa{sv}", "{}", k_no_options);
  ASSERT_TRUE(holds(1));
  served_->on_loop([&](Service& /*service*/) {
    served_->shelf.held.at(0)();
    served_->shelf.held.at(0)();
  });
  EXPECT_EQ(caller_->take_reply().numbers, Numbers{1});

  caller_->send("Submit", "sa{sv}", "{}", k_no_options);
  ASSERT_TRUE(holds(2));
  caller_.reset();
  served_->on_loop([&](Service& /*service*/) { served_->shelf.held.at(1)(); });
  EXPECT_EQ(bus_.get_property("Version"), R"(s "1.2.3")");
  EXPECT_THAT(served_->notes(), IsEmpty());
}

TEST_F(TelemetryTest, AnswersForABusThatIsGoneGoNowhereAndTheNextBusIsServed) {
  hold();
  caller_->send("Submit", "sa{sv}", "{}", k_no_options);
  caller_->send("GetAccount", "");
  caller_->send("Flush", "tt", std::uint64_t{1}, UINT64_MAX);
  ASSERT_TRUE(holds(2));
  ASSERT_TRUE(flushes_wait(1));
  served_->on_loop([&](Service& /*service*/) {
    bus_.kill();  // the loop has had no chance to see it
    served_->shelf.held.at(0)();
  });
  ASSERT_TRUE(served_->noted("no connection"));
  served_->on_loop([&](Service& service) {
    served_->shelf.held.at(1)();
    served_->shelf.flushes.at(0).answer({});
    served_->shelf.hold = false;
    service.messages_dropped({1, 1, 1, core::Loss::Full});
    service.figures_changed();
  });
  caller_.reset();
  bus_.start();
  ASSERT_TRUE(served_->noted("is on the bus"));
  served_->on_loop([&](Service& /*service*/) { served_->shelf.flushes.at(0).answer({}); });
  EXPECT_EQ(Caller(bus_).call("Submit", "sa{sv}", "{}", k_no_options).numbers, Numbers{2});
  EXPECT_THAT(served_->notes(), SizeIs(2));
}

TEST_F(TelemetryTest, WhoeverStillWaitsAtTheEndIsToldByTheBus) {
  hold();
  caller_->send("Submit", "sa{sv}", "{}", k_no_options);
  ASSERT_TRUE(holds(1));
  served_.reset();
  EXPECT_EQ(caller_->take_reply().error, "org.freedesktop.DBus.Error.NoReply");
}

TEST_F(TelemetryTest, TheAccountTellsOfEachLifeWhatBecameOfItsMessages) {
  served_->on_loop([&](Service& /*service*/) {
    core::Account life;
    life.boot = 1'700'000'000;
    life.started = core::WallTime{std::chrono::microseconds{1'700'000'000'000'007}};
    life.accepted = 28;
    life.delivered = 1;
    life.queued = 2;
    life.dropped_full = 3;
    life.dropped_expired = 4;
    life.dropped_damaged = 5;
    life.quarantined = 13;
    life.replayed = 6;
    life.lives = 7;
    served_->shelf.accounts = std::vector<core::Account>{life, {}};
  });
  const auto answer = bus_.busctl({"--json=short", "call", "io.github.iotc_ha", "/io/github/iotc_ha",
                                   "io.github.iotc_ha.Telemetry1", "GetAccount"});
  ASSERT_EQ(answer.status, 0) << answer.text;
  const Json told = Json::parse(answer.text);
  EXPECT_EQ(told["type"], "aa{st}");
  ASSERT_THAT(told["data"][0], SizeIs(2));
  EXPECT_EQ(told["data"][0][0], Json::parse(R"({"boot": 1700000000, "started": 1700000000000007, "accepted": 28,
      "delivered": 1, "queued": 2, "dropped_full": 3, "dropped_expired": 4, "dropped_damaged": 5, "quarantined": 13,
      "replayed": 6, "lives": 7})"));
  EXPECT_EQ(told["data"][0][1]["accepted"], 0);

  served_->on_loop([&](Service& /*service*/) {
    served_->shelf.accounts = core::fail(core::Fault::StorageFailed, "the disk cannot be read");
  });
  EXPECT_EQ(caller_->call("GetAccount", "").error, "io.github.iotc_ha.Error.StorageFailed");
}

const std::map<std::string, std::string> k_figures{
    {"Queued", "t 1"},      {"QueuedBytes", "t 2"}, {"OldestQueued", "t 1700000000000003"},
    {"Accepted", "t 4"},    {"Delivered", "t 5"},   {"Dropped", "t 6"},
    {"Quarantined", "t 7"}, {"Capacity", "t 8"},    {"BytesWritten", "t 9"},
};
core::SpoolFigures example_figures() {
  return {1, 2, core::WallTime{std::chrono::microseconds{1'700'000'000'000'003}}, 4, 5, 6, 7, 8, 9};
}

TEST_F(TelemetryTest, EveryFigureIsReadAsItIsAtTheMoment) {
  for (const auto& [name, text] : k_figures) EXPECT_EQ(bus_.get_property(name, "Telemetry1"), "t 0") << name;
  served_->on_loop([&](Service& /*service*/) { served_->shelf.figures = example_figures(); });
  for (const auto& [name, text] : k_figures) EXPECT_EQ(bus_.get_property(name, "Telemetry1"), text) << name;
  EXPECT_EQ(bus_.get_property("MessageSizeMax", "Telemetry1"), "u 262144");
}

TEST_F(TelemetryTest, FiguresThatChangeAllTheTimeAreToldOnceInAPeriodAndTheLastOnesAreNotForgotten) {
  Monitor monitor(bus_);
  served_->on_loop([&](Service& service) {
    served_->shelf.figures = example_figures();
    service.figures_changed();
    for (int i = 0; i < 100; ++i) {
      ++served_->shelf.figures.accepted;
      service.figures_changed();
    }
  });
  const Json first = monitor.signal();
  EXPECT_EQ(first["member"], "PropertiesChanged");
  EXPECT_EQ(first["payload"]["data"][0], "io.github.iotc_ha.Telemetry1");
  EXPECT_THAT(first["payload"]["data"][1], SizeIs(k_figures.size())) << "all but the constant one";
  EXPECT_EQ(first["payload"]["data"][1]["Accepted"]["data"], 4);
  const Json second = monitor.signal();
  EXPECT_EQ(second["payload"]["data"][1], Json::parse(R"({"Accepted": {"type": "t", "data": 104}})")) << "what differs";
  const auto at = [](const Json& signal) { return signal["timestamp-realtime"].get<std::int64_t>(); };
  EXPECT_GE(at(second) - at(first), 900'000) << "the clock of the timer, and that of the monitor";

  served_->on_loop([&](Service& service) {
    service.figures_changed();  // nothing is new
    service.messages_dropped({1, 1, 1, core::Loss::Full});
  });
  EXPECT_EQ(monitor.signal()["member"], "MessagesDropped");
}

TEST_F(TelemetryTest, MessagesThatAreLostAreToldWithTheirNumbersAndTheReason) {
  Monitor monitor(bus_);
  served_->on_loop([](Service& service) {
    service.messages_dropped({3, 9, 5, core::Loss::Expired});
    service.messages_dropped({10, 10, 1, core::Loss::Quarantined});
  });
  const Json signal = monitor.signal();
  EXPECT_EQ(signal["member"], "MessagesDropped");
  EXPECT_EQ(signal["interface"], "io.github.iotc_ha.Telemetry1");
  EXPECT_EQ(signal["payload"], Json::parse(R"({"type": "tts", "data": [3, 9, "expired"]})"));
  EXPECT_EQ(monitor.signal()["payload"]["data"], Json::parse(R"([10, 10, "quarantined"])"));
}

}  // namespace
}  // namespace iotc_ha::bus
