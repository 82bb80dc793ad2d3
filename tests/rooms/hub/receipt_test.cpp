#include "room.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

/// When a hub gets the PUBACK of a C2D message, and when it gets none.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint8_t k_puback = 4;
const std::string k_topic = "devices/dev-1/messages/devicebound/%24.mid=7&method-name=setAlarm";

/// A hub that sends one command in its first session, and notes what it gets from then on.
class Receipt : public HubRoom {
 protected:
  void answer(Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    if (std::exchange(sent_, true)) return device.wait_until_gone();
    device.publish(k_topic, "\"14:30\"", 7);
    came_.set_value(device.receive_the_rest());
  }
  /// What the hub got after the command. Waits until the connection is gone.
  std::vector<Dialogue::Packet> came() {
    auto packets = came_.get_future();
    if (packets.wait_for(k_soon) != std::future_status::ready) throw std::runtime_error("the connection stays open");
    return packets.get();
  }
  std::optional<hub::CommandReceived> command(Desk& desk) {
    if (!opened(desk, AttemptId{1}, peer_.port())) return std::nullopt;
    return desk.wait_for<hub::CommandReceived>(k_soon);
  }

  bool sent_ = false;
  std::promise<std::vector<Dialogue::Packet>> came_;
  ScriptedPeer peer_{[this](Dialogue& device) { answer(device); }};
};

TEST_F(Receipt, TheHubGetsItsPubackWhenTheCommandIsStoredAndNotSooner) {
  std::promise<Dialogue::Packet> puback;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    device.publish(k_topic, "\"14:30\"", 7);
    puback.set_value(device.receive());
    device.wait_until_gone();
  });
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  const auto command = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->payload, "\"14:30\"");
  auto answer = puback.get_future();
  EXPECT_EQ(answer.wait_for(300ms), std::future_status::timeout) << "before anybody said that it is stored";
  desk.stored(*command);
  ASSERT_EQ(answer.wait_for(k_soon), std::future_status::ready);
  const auto packet = answer.get();
  EXPECT_EQ(packet.type, k_puback);
  EXPECT_EQ(packet.body, std::string("\0\7", 2));
  EXPECT_TRUE(desk.left().empty()) << "and the session goes on";
}

TEST_F(Receipt, OneThatIsLetGoOfCutsTheConnection) {
  Desk desk;
  ASSERT_TRUE(command(desk));
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost);
  EXPECT_THAT(lost->error.what, HasSubstr("could not be stored"));
  EXPECT_THAT(came(), IsEmpty());
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Receipt, OneThatComesTooLateCutsTheConnectionAndIsHarmless) {
  Desk desk;
  const auto received = command(desk);
  ASSERT_TRUE(received);
  const auto lost = desk.wait_for<hub::Lost>(hub::Sessions::k_receipt_max + k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost);
  desk.stored(*received);
  EXPECT_THAT(came(), IsEmpty());
  EXPECT_TRUE(opened(desk, AttemptId{2}, peer_.port())) << "the next session";
}

TEST_F(Receipt, AnotherSessionDoesNotWaitForIt) {
  Desk desk;
  const auto received = command(desk);
  ASSERT_TRUE(received);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(opened(desk, AttemptId{2}, peer_.port()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, hub::Sessions::k_receipt_max);
  EXPECT_THAT(came(), IsEmpty());
  desk.stored(*received);
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::Cancelled);
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Receipt, CloseDoesNotWaitForIt) {
  Desk desk;
  const auto received = command(desk);
  ASSERT_TRUE(received);
  const auto start = std::chrono::steady_clock::now();
  desk.run([](hub::Sessions& sessions) { sessions.close(AttemptId{1}, 10s); });
  EXPECT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  EXPECT_THAT(came(), IsEmpty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, hub::Sessions::k_receipt_max);
}

TEST_F(Receipt, TheEndDoesNotWaitForIt) {
  auto desk = std::make_unique<Desk>();
  const auto received = command(*desk);
  ASSERT_TRUE(received);
  const auto start = std::chrono::steady_clock::now();
  desk.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, hub::Sessions::k_end_max);
  EXPECT_THAT(came(), IsEmpty());
  received->receipt->stored();  // harmless
}

TEST_F(Receipt, WhatNobodyCanReadNeedsNone) {
  const std::string huge(hub::Sessions::k_payload_max + 1, 'x');
  std::promise<void> acknowledged;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    device.publish("devices/dev-1/messages/devicebound/a=%zz", "", 1);
    while (device.receive().type != k_puback) {
    }
    device.publish(k_topic, huge, 2);
    while (device.receive().type != k_puback) {
    }
    acknowledged.set_value();
    device.wait_until_gone();
  });
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  const auto broken = desk.wait_for<hub::Ignored>(k_soon);
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->error.fault, Fault::InvalidPayload);
  const auto oversized = desk.wait_for<hub::Ignored>(k_soon);
  ASSERT_TRUE(oversized);
  EXPECT_EQ(oversized->error.fault, Fault::PayloadTooLarge);
  EXPECT_EQ(acknowledged.get_future().wait_for(k_soon), std::future_status::ready);
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Receipt, FiftyCommandsComeOneAfterTheOther) {
  constexpr std::uint16_t k_count = 50;  // as many as a hub keeps
  std::promise<std::vector<std::string>> acknowledged;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    for (std::uint16_t i = 1; i <= k_count; ++i) device.publish(k_topic, std::to_string(i), i);
    std::vector<std::string> ids;
    while (ids.size() < k_count) {
      const auto packet = device.receive();
      if (packet.type == k_puback) ids.push_back(packet.body);
    }
    acknowledged.set_value(ids);
    device.wait_until_gone();
  });
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  for (std::uint16_t i = 1; i <= k_count; ++i) {
    const auto command = desk.wait_for<hub::CommandReceived>(k_soon);
    ASSERT_TRUE(command) << i;
    EXPECT_EQ(command->payload, std::to_string(i));
    EXPECT_TRUE(desk.left().empty()) << "none comes before the one before it is stored";
    desk.stored(*command);
  }
  auto ids = acknowledged.get_future();
  ASSERT_EQ(ids.wait_for(k_soon), std::future_status::ready);
  const auto list = ids.get();
  for (std::uint16_t i = 1; i <= k_count; ++i) {
    const std::string id{'\0', static_cast<char>(i)};
    EXPECT_EQ(list[i - 1U], id);
  }
}

/// With a broker that keeps what is not acknowledged.
class ReceiptOfABroker : public HubRoom {
 protected:
  /// Opens a session and closes it again: from now on the broker keeps what it has for the device.
  [[nodiscard]] bool has_been_there(Desk& desk) {
    if (!served(desk, AttemptId{1}, broker_.port())) return false;
    desk.run([](hub::Sessions& sessions) { sessions.close(AttemptId{1}, 1s); });
    return desk.wait_for<hub::Closed>(k_soon).has_value();
  }
  void open(Desk& desk, core::AttemptId attempt) const {
    desk.run([&](hub::Sessions& sessions) { sessions.open(attempt, endpoint(broker_.port())); });
  }

  const Broker broker_{folder.path(), {keys}};
  HubPlayer hub_{broker_};
};

TEST_F(ReceiptOfABroker, WhatWasNotStoredComesAgainInTheNextSessionAndOnlyThat) {
  Desk desk;
  ASSERT_TRUE(has_been_there(desk));
  for (const char* payload : {"1", "2", "3"}) hub_.publish(k_topic, payload, 1);
  open(desk, AttemptId{2});
  auto command = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->payload, "1");
  desk.stored(*command);
  command = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->payload, "2");
  // A connection that is cut may take with it what the broker has not read yet.
  const auto end = std::chrono::steady_clock::now() + k_soon;
  while (broker_.log().find("Received PUBACK from dev-1") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << broker_.log();
    std::this_thread::yield();
  }
  command.reset();
  ASSERT_TRUE(desk.wait_for<hub::Lost>(k_soon));
  open(desk, AttemptId{3});
  for (const char* payload : {"2", "3"}) {
    command = desk.wait_for<hub::CommandReceived>(k_soon);
    ASSERT_TRUE(command);
    EXPECT_EQ(command->payload, payload);
    desk.stored(*command);
  }
}

TEST_F(ReceiptOfABroker, FiftyQueuedCommandsComeInOrderAndOnce) {
  constexpr int k_count = 50;
  Desk desk;
  ASSERT_TRUE(has_been_there(desk));
  for (int i = 1; i <= k_count; ++i) hub_.publish(k_topic, std::to_string(i), 1);
  open(desk, AttemptId{2});
  for (int i = 1; i <= k_count; ++i) {
    const auto command = desk.wait_for<hub::CommandReceived>(k_soon);
    ASSERT_TRUE(command) << i;
    EXPECT_EQ(command->payload, std::to_string(i));
    desk.stored(*command);
  }
  EXPECT_TRUE(desk.wait_for<hub::Opened>(k_soon));
  desk.run([](hub::Sessions& sessions) { sessions.close(AttemptId{2}, 1s); });
  ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  hub_.publish(k_topic, "after them", 1);
  open(desk, AttemptId{3});
  const auto next = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->payload, "after them");
  desk.stored(*next);
}

}  // namespace
}  // namespace iotc_ha::hub_test
