#include "room.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>
#include <map>

/// What goes through an open session, and how it ends.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;
using testing::HasSubstr;

class Traffic : public HubRoom {};

core::Telemetry telemetry(std::uint64_t sequence) {
  core::Telemetry message;
  message.sequence = sequence;
  message.message_id = "m-" + std::to_string(sequence);
  message.body = R"({"temp":)" + std::to_string(sequence) + '}';
  message.properties = {{"a key", "ä & ="}};
  message.created = core::WallTime{1'795'398'000s};
  return message;
}

TEST_F(Traffic, EachTelemetryIsAcknowledgedOnceAndArrivesAsItWasSent) {
  constexpr std::uint64_t k_count = 300;
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  desk.run([&](hub::Sessions& sessions) {
    for (std::uint64_t i = 1; i <= k_count; ++i) sessions.send(AttemptId{1}, telemetry(i));
  });
  std::map<std::uint64_t, int> acknowledged;
  while (acknowledged.size() < k_count) {
    const auto one = desk.wait_for<hub::TelemetryAcknowledged>(k_soon);
    ASSERT_TRUE(one) << acknowledged.size() << " of " << k_count;
    ++acknowledged[one->sequence];
  }
  const auto received = hub.wait_for("devices/dev-1/messages/events/", k_count, k_soon);
  ASSERT_EQ(received.size(), k_count);
  for (std::uint64_t i = 1; i <= k_count; ++i) {
    const HubPlayer::Received& each = received[i - 1];
    EXPECT_EQ(each.payload, telemetry(i).body) << "in the order of sending";
    EXPECT_EQ(each.topic, azure::telemetry_topic("dev-1", telemetry(i)));
    EXPECT_THAT(each.topic, HasSubstr("m-" + std::to_string(i)));
    EXPECT_EQ(acknowledged[i], 1) << "sequence " << i;
  }
  EXPECT_FALSE(desk.wait_for<hub::TelemetryAcknowledged>(200ms)) << "and nothing twice";
}

TEST_F(Traffic, TwinPatchesMethodsAndCommandsFindTheirWay) {
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  const AttemptId attempt{1};
  ASSERT_TRUE(served(desk, attempt, broker.port()));

  desk.run([&](hub::Sessions& sessions) { sessions.report(attempt, 41, R"({"battery":60.5})"); });
  const auto reported = desk.wait_for<hub::TwinAnswered>(k_soon);
  ASSERT_TRUE(reported);
  EXPECT_EQ(reported->rid, 41U);
  EXPECT_EQ(reported->status, 204);
  const auto patches = hub.wait_for("$iothub/twin/PATCH/properties/reported/", 1, k_soon);
  ASSERT_EQ(patches.size(), 1U);
  EXPECT_EQ(patches[0].payload, R"({"battery":60.5})");

  desk.run([&](hub::Sessions& sessions) { sessions.get_twin(attempt, 42); });
  const auto twin = desk.wait_for<hub::TwinAnswered>(k_soon);
  ASSERT_TRUE(twin);
  EXPECT_EQ(twin->rid, 42U);
  EXPECT_THAT(twin->body, HasSubstr("desired"));

  hub.publish("$iothub/twin/PATCH/properties/desired/?$version=2", R"({"fanSpeed":9,"$version":2})", 0);
  const auto desired = desk.wait_for<hub::DesiredPatched>(k_soon);
  ASSERT_TRUE(desired);
  EXPECT_EQ(desired->patch_json, R"({"fanSpeed":9,"$version":2})");

  hub.publish("$iothub/methods/POST/echo/?$rid=1f", R"({"message":"hi"})", 0);
  const auto method = desk.wait_for<hub::MethodInvoked>(k_soon);
  ASSERT_TRUE(method);
  EXPECT_EQ(method->name, "echo");
  EXPECT_EQ(method->payload, R"({"message":"hi"})");
  desk.run([&](hub::Sessions& sessions) { sessions.answer_method(attempt, method->rid, 200, R"("hi")"); });
  const auto answers = hub.wait_for("$iothub/methods/res/200/?$rid=1f", 1, k_soon);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].payload, R"("hi")");

  hub.publish("devices/dev-1/messages/devicebound/%24.mid=7&method-name=setAlarm", "\"14:30\"", 1);
  const auto command = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->properties, (core::Properties{{"$.mid", "7"}, {"method-name", "setAlarm"}}));
  EXPECT_EQ(command->payload, "\"14:30\"");
  desk.stored(*command);
}

/// A file descriptor of this process whose peer is `port` of our address; -1 if there is none.
int socket_to(std::uint16_t port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == port) {
      return fd;
    }
  }
  return -1;
}

TEST_F(Traffic, TheSocketDoesNotHoldSmallPacketsBackAndGivesUpAfterTheKeepAlive) {
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  const int fd = socket_to(broker.port());
  ASSERT_GE(fd, 0);
  int no_delay = 0;
  int user_timeout_ms = 0;
  socklen_t length = sizeof(int);
  ASSERT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
  ASSERT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, &length), 0);
  EXPECT_EQ(no_delay, 1);
  EXPECT_EQ(user_timeout_ms, 12'000);
}

TEST_F(Traffic, WhatNobodyCanReadIsToldAndTheSessionGoesOn) {
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(served(desk, AttemptId{1}, broker.port()));

  hub.publish("$iothub/twin/res/nonsense", "", 0);
  const auto unreadable = desk.wait_for<hub::Ignored>(k_soon);
  ASSERT_TRUE(unreadable);
  EXPECT_EQ(unreadable->error.fault, Fault::HubProtocol);

  hub.publish("$iothub/twin/res/200/?$rid=99", "{}", 0);
  const auto unasked = desk.wait_for<hub::Ignored>(k_soon);
  ASSERT_TRUE(unasked);
  EXPECT_THAT(unasked->error.what, HasSubstr("$rid=99"));

  const std::string largest(hub::Sessions::k_payload_max, 'x');
  hub.publish("devices/dev-1/messages/devicebound/a=1", largest + 'x', 1);
  const auto oversized = desk.wait_for<hub::Ignored>(k_soon);
  ASSERT_TRUE(oversized);
  EXPECT_EQ(oversized->error.fault, Fault::PayloadTooLarge);
  EXPECT_THAT(oversized->error.what, HasSubstr(std::to_string(largest.size() + 1)));

  hub.publish("devices/dev-1/messages/devicebound/a=1", largest, 1);
  const auto command = desk.wait_for<hub::CommandReceived>(k_soon);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->payload, largest);
  desk.stored(*command);
}

TEST_F(Traffic, LargestTelemetryGoesThrough) {
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  core::Telemetry large = telemetry(1);
  large.body.assign(std::size_t{255} * 1024, 'x');
  desk.run([&](hub::Sessions& sessions) {
    for (int i = 0; i < 8; ++i) sessions.send(AttemptId{1}, large);
  });
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(k_soon)) << i;
  const auto received = hub.wait_for("devices/dev-1/messages/events/", 8, k_soon);
  ASSERT_EQ(received.size(), 8U);
  EXPECT_EQ(received[7].payload, large.body);
}

TEST_F(Traffic, AResetEndsTheSessionAndWhatWasNotAcknowledgedStaysSo) {
  std::promise<void> taken;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    while (device.receive().type != 3) {
    }
    taken.set_value();
    device.reset();  // the PUBLISH is taken, its PUBACK never sent
  });
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  desk.run([&](hub::Sessions& sessions) { sessions.send(AttemptId{1}, telemetry(1)); });
  ASSERT_EQ(taken.get_future().wait_for(k_soon), std::future_status::ready);
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->attempt, AttemptId{1});
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost) << lost->error.what;
  EXPECT_FALSE(desk.wait_for<hub::Lost>(500ms)) << "once";
  EXPECT_TRUE(desk.left().empty()) << "and no acknowledgement";
}

TEST_F(Traffic, AKilledBrokerEndsTheSession) {
  Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  broker.kill();
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost) << lost->error.what;
}

TEST_F(Traffic, AHubThatAnswersNoPingIsSilent) {
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    device.wait_until_gone();
  });
  Desk desk;
  hub::Endpoint to = endpoint(peer.port());
  to.keep_alive = 1s;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, to); });
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::Silent) << lost->error.what;
}

TEST_F(Traffic, AFarewellOfTheHubIsNoSilence) {
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    device.say_farewell();
    device.wait_until_gone();
  });
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost) << lost->error.what;
}

TEST_F(Traffic, CloseIsSeenByTheBrokerAsADisconnect) {
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.close(AttemptId{1}, 5s);
  });
  const auto closed = desk.wait_for<hub::Closed>(k_soon);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->attempt, AttemptId{1});
  EXPECT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(0ms)) << "what was in flight came through before";
  EXPECT_TRUE(desk.left().empty());
  for (const auto end = std::chrono::steady_clock::now() + k_soon;
       broker.log().find("Client dev-1 disconnected") == std::string::npos; std::this_thread::yield()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << broker.log();
  }
  EXPECT_THAT(broker.log(), HasSubstr("Received DISCONNECT from dev-1"));
}

TEST_F(Traffic, ASessionThatIsBeingClosedTakesTelemetryUntilItRunsDry) {
  constexpr std::uint64_t k_count = 20;
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.close(AttemptId{1}, 10s);
    for (std::uint64_t i = 2; i <= k_count; ++i) sessions.send(AttemptId{1}, telemetry(i));
  });
  ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  for (std::uint64_t i = 1; i <= k_count; ++i) {
    const auto acknowledged = desk.wait_for<hub::TelemetryAcknowledged>(0ms);
    ASSERT_TRUE(acknowledged);
    EXPECT_EQ(acknowledged->sequence, i);
  }
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Traffic, AnAnswerToAMethodLeavesWhileTheSessionIsBeingClosed) {
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(served(desk, AttemptId{1}, broker.port()));
  hub.publish("$iothub/methods/POST/echo/?$rid=1f", "{}", 0);
  const auto method = desk.wait_for<hub::MethodInvoked>(k_soon);
  ASSERT_TRUE(method);
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.close(AttemptId{1}, 10s);
    sessions.answer_method(AttemptId{1}, method->rid, 200, R"("hi")");
  });
  ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  const auto answers = hub.wait_for("$iothub/methods/res/200/?$rid=1f", 1, k_soon);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].payload, R"("hi")");
}

TEST_F(Traffic, CloseDoesNotWaitForASilentHub) {
  Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  broker.pause();
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.close(AttemptId{1}, 1s);
  });
  EXPECT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  EXPECT_TRUE(desk.left().empty()) << "the message was not acknowledged";
}

TEST_F(Traffic, CloseEndsAnAttemptThatIsNotOpenYet) {
  ScriptedPeer silent([](Dialogue& device) { device.wait_until_gone(); });
  Desk desk;
  desk.run([&](hub::Sessions& sessions) {
    sessions.open(AttemptId{1}, endpoint(silent.port()));
    sessions.close(AttemptId{1}, 5s);
  });
  const auto closed = desk.wait_for<hub::Closed>(k_soon);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->attempt, AttemptId{1});
  EXPECT_FALSE(desk.wait_for<hub::Lost>(200ms));
}

TEST_F(Traffic, APlannedSuccessorWaitsUntilWhatIsInFlightCameThrough) {
  constexpr std::uint64_t k_count = 50;
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  desk.run([&](hub::Sessions& sessions) {
    for (std::uint64_t i = 1; i <= k_count; ++i) sessions.send(AttemptId{1}, telemetry(i));
    sessions.close(AttemptId{1}, 5s);
    sessions.open(AttemptId{2}, endpoint(broker.port()));
    sessions.open(AttemptId{3}, endpoint(broker.port()));
  });
  const auto dropped = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->attempt, AttemptId{2}) << "a later successor takes the place of the earlier";
  EXPECT_EQ(dropped->error.fault, Fault::Cancelled);
  const auto closed = desk.wait_for<hub::Closed>(k_soon);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->attempt, AttemptId{1});
  for (std::uint64_t i = 1; i <= k_count; ++i) ASSERT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(0ms)) << i;
  const auto successor = desk.wait_for<hub::Opened>(k_soon);
  ASSERT_TRUE(successor);
  EXPECT_EQ(successor->attempt, AttemptId{3});
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Traffic, ASuccessorCanBeClosedBeforeItsTurn) {
  Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  broker.pause();
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.close(AttemptId{1}, 500ms);
    sessions.open(AttemptId{2}, endpoint(broker.port()));
    sessions.close(AttemptId{2}, 500ms);
  });
  const auto first = desk.wait_for<hub::Closed>(k_soon);
  const auto second = desk.wait_for<hub::Closed>(k_soon);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->attempt, AttemptId{2});
  EXPECT_EQ(second->attempt, AttemptId{1});
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Traffic, CallsForAnAttemptThatIsOverDoNothing) {
  const Broker broker(folder.path(), {keys});
  HubPlayer hub(broker);
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{2}, broker.port()));
  desk.run([&](hub::Sessions& sessions) {
    sessions.send(AttemptId{1}, telemetry(1));
    sessions.report(AttemptId{1}, 1, "{}");
    sessions.close(AttemptId{1}, 1s);
    sessions.send(AttemptId{2}, telemetry(2));
  });
  const auto one = desk.wait_for<hub::TelemetryAcknowledged>(k_soon);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->sequence, 2U);
  EXPECT_EQ(hub.wait_for("devices/", 2, 200ms).size(), 1U);
  EXPECT_TRUE(desk.left().empty());
}

}  // namespace
}  // namespace iotc_ha::hub_test
