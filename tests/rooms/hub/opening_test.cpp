#include "proxy.hpp"
#include "room.hpp"

#include <gmock/gmock.h>
#include <openssl/ssl.h>

/// How a session comes about, and every way in which it does not.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;
using testing::HasSubstr;

class Opening : public HubRoom {};

TEST_F(Opening, IsToldOfWhenTheHubHasAcceptedTheSession) {
  std::promise<void> told;
  auto is_told = told.get_future();
  std::promise<bool> subscriptions_after_it;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.acknowledge_connect(0);
    // No SUBACK before that, and none is needed for it.
    subscriptions_after_it.set_value(is_told.wait_for(k_soon) == std::future_status::ready);
    device.grant_subscriptions();
    device.wait_until_gone();
  });
  Desk desk;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{5}, endpoint(peer.port())); });
  const auto opened = desk.wait_for<hub::Opened>(k_soon);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->attempt, AttemptId{5});
  told.set_value();
  EXPECT_TRUE(subscriptions_after_it.get_future().get());
  EXPECT_TRUE(desk.left().empty());
}

TEST_F(Opening, WhatIsSentAtOnceFollowsTheSubscriptionsInOneFlight) {
  std::promise<std::vector<Dialogue::Packet>> flight;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.acknowledge_connect(0);
    std::vector<Dialogue::Packet> packets;
    while (packets.size() < 6) packets.push_back(device.receive());  // and nothing is said meanwhile
    flight.set_value(packets);
    device.answer_twin(packets[4], 200, "{}");
    device.wait_until_gone();
  });
  Desk desk([](hub::Sessions& sessions, const hub::Notice& notice) {
    if (!std::holds_alternative<hub::Opened>(notice)) return;
    sessions.get_twin(AttemptId{1}, 0);
    core::Telemetry message;
    message.body = "{}";
    sessions.send(AttemptId{1}, message);
  });
  ASSERT_TRUE(opened(desk, AttemptId{1}, peer.port()));
  auto came = flight.get_future();
  ASSERT_EQ(came.wait_for(k_soon), std::future_status::ready);
  const auto packets = came.get();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(packets[i].type, 8) << "SUBSCRIBE";
  EXPECT_EQ(packets[4].type, 3) << "PUBLISH";
  EXPECT_THAT(packets[4].body, HasSubstr("$iothub/twin/GET/?$rid=0"));
  EXPECT_EQ(packets[5].type, 3);
  EXPECT_THAT(packets[5].body, HasSubstr("devices/dev-1/messages/events/"));
  const auto twin = desk.wait_for<hub::TwinAnswered>(k_soon);
  ASSERT_TRUE(twin);
  EXPECT_EQ(twin->rid, 0U);
}

TEST_F(Opening, ConnectsAsTheHubWantsIt) {
  Dialogue::Packet connect;
  std::promise<void> seen;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    connect = device.receive();
    seen.set_value();
  });
  Desk desk;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, endpoint(peer.port())); });
  ASSERT_EQ(seen.get_future().wait_for(k_soon), std::future_status::ready);
  using namespace std::string_literals;
  EXPECT_EQ(connect.body.substr(0, 7), "\0\4MQTT\4"s) << "MQTT 3.1.1";
  EXPECT_EQ(static_cast<unsigned char>(connect.body.at(7)), 0xc0) << "user name, password, no will, no clean session";
  EXPECT_EQ(connect.body.substr(8, 2), "\0\x0c"s) << "keep alive of 12 s";
  EXPECT_THAT(connect.body, HasSubstr("\0\5dev-1"s));
  EXPECT_THAT(connect.body, HasSubstr("SharedAccessSignature sr=x"));
}

TEST_F(Opening, ACertificateForAnotherNameIsRefused) {
  const Broker broker(folder.path(), {authority.issue("DNS:another.example")});
  const core::Error error = refusal(endpoint(broker.port()));
  EXPECT_EQ(error.fault, Fault::TlsRefused) << error.what;
  EXPECT_THAT(error.what, HasSubstr("not for " + own_address()));
}

TEST_F(Opening, AnUnknownAuthorityIsRefused) {
  const Authority stranger(folder.path(), "stranger");
  const Broker broker(folder.path(), {stranger.issue("IP:" + own_address())});
  const core::Error error = refusal(endpoint(broker.port()));
  EXPECT_EQ(error.fault, Fault::TlsRefused) << error.what;
  EXPECT_THAT(error.what, HasSubstr("certificate"));
}

TEST_F(Opening, TheSystemsTrustStoreDoesNotKnowOurAuthority) {
  const Broker broker(folder.path(), {keys});
  hub::Endpoint to = endpoint(broker.port());
  to.ca_file.clear();
  const core::Error error = refusal(to);
  EXPECT_EQ(error.fault, Fault::TlsRefused) << error.what;
}

TEST_F(Opening, TlsBefore12IsRefused) {
  ScriptedPeer peer([this](Dialogue& device) {
    device.start_tls(keys, TLS1_1_VERSION);
    device.acknowledge_connect(0);
    device.wait_until_gone();
  });
  const core::Error error = refusal(endpoint(peer.port()));
  EXPECT_EQ(error.fault, Fault::TlsRefused) << error.what;
}

TEST_F(Opening, ABrokerThatRefusesTheUserIsNotAuthorized) {
  const Broker broker(folder.path(), {keys, true});
  const core::Error error = refusal(endpoint(broker.port()));
  EXPECT_EQ(error.fault, Fault::HubNotAuthorized);
  EXPECT_THAT(error.what, HasSubstr("CONNACK 5"));
}

TEST_F(Opening, EachConnackHasItsFault) {
  const std::vector<std::pair<std::uint8_t, Fault>> expected{{1, Fault::HubProtocol},
                                                             {2, Fault::HubProtocol},
                                                             {3, Fault::HubUnavailable},
                                                             {4, Fault::HubBadCredentials},
                                                             {5, Fault::HubNotAuthorized}};
  for (const auto& [code, fault] : expected) {
    ScriptedPeer peer([&, code = code](Dialogue& device) {
      device.start_tls(keys);
      device.acknowledge_connect(code);
      device.wait_until_gone();
    });
    const core::Error error = refusal(endpoint(peer.port()));
    EXPECT_EQ(error.fault, fault) << "CONNACK " << int{code} << ": " << error.what;
  }
}

TEST_F(Opening, WhereNobodyListensTheHubIsUnreachable) {
  const core::Error error = refusal(endpoint(free_port()));
  EXPECT_EQ(error.fault, Fault::Unreachable);
  EXPECT_THAT(error.what, HasSubstr("refused"));
}

TEST_F(Opening, ANameThatDoesNotExistIsNotResolved) {
  hub::Endpoint to = endpoint(8883);
  to.assignment.hub = "no-such-hub.invalid";
  const core::Error error = refusal(to);
  EXPECT_EQ(error.fault, Fault::NameNotResolved);
  EXPECT_THAT(error.what, HasSubstr("no-such-hub.invalid"));
}

TEST_F(Opening, AProxyThatIsNoUrlIsBadConfiguration) {
  hub::Endpoint to = endpoint(8883);
  to.proxy = "proxy.example:3128";
  const core::Error error = refusal(to);
  EXPECT_EQ(error.fault, Fault::BadConfiguration);
  EXPECT_THAT(error.what, HasSubstr("proxy.example:3128"));
}

TEST_F(Opening, GoesThroughTheProxyOfTheEndpoint) {
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Proxy proxy;
  {
    Desk desk;
    hub::Endpoint to = endpoint(broker.port());
    to.proxy = "http://" + own_address() + ':' + std::to_string(proxy.port());
    desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, to); });
    ASSERT_TRUE(desk.wait_for<hub::Opened>(k_soon));
  }
  EXPECT_EQ(proxy.request(), "CONNECT " + own_address() + ':' + std::to_string(broker.port()) + " HTTP/1.1");
}

/// A peer that falls silent at each step: the answer comes from our clock, and within the limit.
TEST_F(Opening, ASilentHubTimesOutAtEveryStep) {
  constexpr auto k_limit = 1200ms;
  const std::vector<std::pair<std::string, ScriptedPeer::Script>> steps{
      {"connecting", [](Dialogue& device) { device.wait_until_gone(); }},
      {"connecting",
       [this](Dialogue& device) {
         device.start_tls(keys);
         device.wait_until_gone();
       }},
      {"subscriptions", [this](Dialogue& device) {
         device.start_tls(keys);
         device.acknowledge_connect(0);
         device.wait_until_gone();
       }}};
  for (const auto& [step, script] : steps) {
    ScriptedPeer peer(script);
    hub::Endpoint to = endpoint(peer.port());
    to.timeout = k_limit;
    const auto start = std::chrono::steady_clock::now();
    const core::Error error = refusal(to);
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(error.fault, step == "connecting" ? Fault::TimedOut : Fault::Silent) << error.what;
    EXPECT_THAT(error.what, HasSubstr(step));
    EXPECT_THAT(error.what, HasSubstr("1.2 s"));
    EXPECT_GE(took, k_limit);
    EXPECT_LT(took, k_limit + 8s) << step << ": Paho's own clock, or one that waits for it";
  }
}

TEST_F(Opening, AConnectionThatIsResetInTheHandshakeIsUnreachable) {
  ScriptedPeer peer([](Dialogue& device) { device.reset(); });
  const core::Error error = refusal(endpoint(peer.port()));
  EXPECT_EQ(error.fault, Fault::Unreachable) << error.what;
}

TEST_F(Opening, AHubThatClosesInsteadOfAnsweringConnectIsUnreachable) {
  ScriptedPeer peer([this](Dialogue& device) {
    device.start_tls(keys);
    static_cast<void>(device.receive());
    device.reset();
  });
  const core::Error error = refusal(endpoint(peer.port()));
  EXPECT_EQ(error.fault, Fault::Unreachable) << error.what;
}

TEST_F(Opening, ARefusedSubscriptionIsNamedAndEndsTheSession) {
  ScriptedPeer peer([this](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session(0x80);
    device.wait_until_gone();
  });
  const core::Error error = refusal(endpoint(peer.port()));
  EXPECT_EQ(error.fault, Fault::HubProtocol);
  EXPECT_THAT(error.what, HasSubstr("devices/dev-1/messages/devicebound/#"));
}

TEST_F(Opening, AnAcknowledgedSessionOutlivesTheLimitOfItsOpening) {
  constexpr auto k_limit = 4s;
  std::promise<void> end;
  auto ended = end.get_future();
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.accept_session();
    device.publish("$iothub/twin/PATCH/properties/desired/?$version=8", R"({"$version":8})");
    ended.wait_for(k_soon);
    device.publish("$iothub/twin/PATCH/properties/desired/?$version=9", R"({"$version":9})");
    device.wait_until_gone();
  });
  Desk desk;
  hub::Endpoint to = endpoint(peer.port());
  to.timeout = k_limit;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, to); });
  ASSERT_TRUE(desk.wait_for<hub::DesiredPatched>(k_soon));
  EXPECT_FALSE(desk.wait_for<hub::Lost>(k_limit + 200ms));
  end.set_value();
  EXPECT_TRUE(desk.wait_for<hub::DesiredPatched>(k_soon));
}

TEST_F(Opening, ASecondSessionEndsTheFirst) {
  ScriptedPeer silent([](Dialogue& device) { device.wait_until_gone(); });
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  desk.run([&](hub::Sessions& sessions) {
    sessions.open(AttemptId{1}, endpoint(silent.port()));
    sessions.open(AttemptId{2}, endpoint(broker.port()));
  });
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->attempt, AttemptId{1});
  EXPECT_EQ(lost->error.fault, Fault::Cancelled);
  const auto open = desk.wait_for<hub::Opened>(k_soon);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->attempt, AttemptId{2});

  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{3}, endpoint(broker.port())); });
  const auto replaced = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->attempt, AttemptId{2});
  const auto again = desk.wait_for<hub::Opened>(k_soon);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt, AttemptId{3});
  EXPECT_TRUE(desk.left().empty());
}

}  // namespace
}  // namespace iotc_ha::hub_test
