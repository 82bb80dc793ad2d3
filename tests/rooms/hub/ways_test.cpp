#include "proxy.hpp"
#include "room.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <string>
#include <utility>
#include <vector>

/// Through proxies, through WebSockets, and through the door that is open.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;
using hub::Transport;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::uint8_t k_disconnect = 14;
constexpr std::uint8_t k_puback = 4;

class Ways : public HubRoom {
 protected:
  [[nodiscard]] hub::Endpoint websocket(std::uint16_t port) const {
    hub::Endpoint to = endpoint(free_port());
    to.transport = Transport::WebSocket;
    to.websocket_port = port;
    return to;
  }
  [[nodiscard]] static std::string url_of(const Proxy& proxy, const std::string& user = "") {
    return "http://" + user + own_address() + ':' + std::to_string(proxy.port());
  }
  [[nodiscard]] static bool opens(Desk& desk, AttemptId attempt, const hub::Endpoint& to) {
    desk.run([&](hub::Sessions& sessions) { sessions.open(attempt, to); });
    return desk.wait_for<hub::Opened>(k_soon, [&](const auto& opened) { return opened.attempt == attempt; })
        .has_value();
  }
  static void send(Desk& desk, AttemptId attempt, std::uint64_t sequence, const std::string& body) {
    core::Telemetry message;
    message.sequence = sequence;
    message.message_id = "m" + std::to_string(sequence);
    message.body = body;
    desk.run([&](hub::Sessions& sessions) { sessions.send(attempt, message); });
  }
  [[nodiscard]] static bool acknowledged(Desk& desk, std::uint64_t sequence) {
    return desk
        .wait_for<hub::TelemetryAcknowledged>(k_soon, [&](const auto& each) { return each.sequence == sequence; })
        .has_value();
  }
};

TEST_F(Ways, AWebSocketCarriesASessionFromConnectToDisconnect) {
  std::string request;
  std::promise<std::vector<Dialogue::Packet>> came;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    request = device.upgrade();
    came.set_value(device.play_hub());
  });
  Desk desk;
  ASSERT_TRUE(opens(desk, AttemptId{1}, websocket(peer.port())));
  const std::string large(200'000, 'x');
  send(desk, AttemptId{1}, 1, large);
  EXPECT_TRUE(acknowledged(desk, 1));
  desk.run([](hub::Sessions& sessions) { sessions.close(AttemptId{1}, 5s); });
  EXPECT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  auto all = came.get_future();
  ASSERT_EQ(all.wait_for(k_soon), std::future_status::ready);
  const auto packets = all.get();
  EXPECT_THAT(packets, Contains(Field(&Dialogue::Packet::body, HasSubstr(large))));
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets.back().type, k_disconnect);
  EXPECT_THAT(request, StartsWith("GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Host: " + own_address() + ':' + std::to_string(peer.port()) + "\r\n"));
  EXPECT_THAT(request, HasSubstr("Sec-WebSocket-Protocol: mqtt\r\n"));
}

TEST_F(Ways, FramesThatAreCutAnywhereWithPingsBetweenThemAreAnsweredAndRead) {
  const std::string payload(3'000, 'p');
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade(/*piece=*/7);
    device.accept_session();
    device.publish("$iothub/methods/POST/echo/?$rid=1", payload);
    static_cast<void>(device.play_hub());
  });
  Desk desk;
  ASSERT_TRUE(opens(desk, AttemptId{1}, websocket(peer.port())));
  const auto method = desk.wait_for<hub::MethodInvoked>(k_soon);
  ASSERT_TRUE(method);
  EXPECT_EQ(method->payload, payload);
  send(desk, AttemptId{1}, 1, "{}");
  EXPECT_TRUE(acknowledged(desk, 1)) << "the pongs are in order: the peer would have broken off";
}

TEST_F(Ways, AHubThatReadsNothingForAWhileLosesNothing) {
  constexpr std::uint64_t k_messages = 24;
  std::promise<void> all_sent;
  std::shared_future<void> go_on = all_sent.get_future().share();
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade();
    device.accept_session();
    go_on.wait_for(k_soon);
    static_cast<void>(device.play_hub());
  });
  Desk desk;
  ASSERT_TRUE(opens(desk, AttemptId{1}, websocket(peer.port())));
  // More than the sockets on the way hold.
  const std::string body(200'000, 'x');
  for (std::uint64_t i = 1; i <= k_messages; ++i) send(desk, AttemptId{1}, i, body);
  all_sent.set_value();
  for (std::uint64_t i = 1; i <= k_messages; ++i) ASSERT_TRUE(acknowledged(desk, i)) << i;
}

TEST_F(Ways, AServerThatClosesTheWebSocketEndsTheSessionWithItsWords) {
  std::promise<void> opened;
  auto is_open = opened.get_future().share();
  ScriptedPeer peer([&, is_open](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade();
    device.accept_session();
    is_open.wait_for(k_soon);
    device.send_raw(std::string("\x88\x0c\x03\xe9") + "going away");
    device.wait_until_gone();
  });
  Desk desk;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, websocket(peer.port())); });
  ASSERT_TRUE(desk.wait_for<hub::Opened>(k_soon));
  desk.run([](hub::Sessions& sessions) { sessions.get_twin(AttemptId{1}, 1); });
  opened.set_value();
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error.fault, Fault::ConnectionLost);
  EXPECT_THAT(lost->error.what, HasSubstr("code 1001 going away"));
}

TEST_F(Ways, AnUpgradeThatIsNoneIsNamed) {
  const std::string upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const std::vector<std::tuple<std::string, Fault, std::string>> expected{
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Fault::HubUnavailable, "404 Not Found"},
      {"HTTP/1.1 503 Busy\r\n\r\n", Fault::HubUnavailable, "503"},
      {upgraded + "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: wrong\r\n\r\n", Fault::HubProtocol,
       "something else"},
      {"220 mail.example ESMTP\r\n", Fault::HubProtocol, "not HTTP"}};
  for (const auto& [answer, fault, words] : expected) {
    ScriptedPeer peer([&, answer = answer](Dialogue& device) {
      device.start_tls(keys);
      device.upgrade(0, answer);
      device.wait_until_gone();
    });
    const core::Error error = refusal(websocket(peer.port()));
    EXPECT_EQ(error.fault, fault) << error.what;
    EXPECT_THAT(error.what, HasSubstr(words));
  }
}

TEST_F(Ways, TlsAndConnackMeanTheSameInsideATunnelAsWithoutIt) {
  const Authority stranger(folder.path(), "stranger");
  const KeyPair for_another = authority.issue("DNS:another.example");
  const KeyPair unknown = stranger.issue("IP:" + own_address());
  using Script = ScriptedPeer::Script;
  const std::vector<std::tuple<Script, Fault, std::string>> expected{
      {[&](Dialogue& device) { device.start_tls(for_another); }, Fault::TlsRefused, "another host"},
      {[&](Dialogue& device) { device.start_tls(unknown); }, Fault::TlsRefused, "certificate"},
      {[](Dialogue& device) { device.reset(); }, Fault::Unreachable, "reset"},
      {[&](Dialogue& device) {
         device.start_tls(keys);
         device.upgrade();
         static_cast<void>(device.receive());
         device.reset();
       },
       Fault::Unreachable, "instead of answering CONNECT"},
      {[&](Dialogue& device) {
         device.start_tls(keys);
         device.upgrade();
         device.acknowledge_connect(5);
         device.wait_until_gone();
       },
       Fault::HubNotAuthorized, "CONNACK 5"}};
  for (const auto& [script, fault, words] : expected) {
    ScriptedPeer peer(script);
    const core::Error error = refusal(websocket(peer.port()));
    EXPECT_EQ(error.fault, fault) << error.what;
    EXPECT_THAT(error.what, HasSubstr(words));
  }
  const core::Error error = refusal(websocket(free_port()));
  EXPECT_EQ(error.fault, Fault::Unreachable) << error.what;
  EXPECT_THAT(error.what, HasSubstr("refused"));
}

TEST_F(Ways, AProxyIsToldWhoAsksAndCarriesAWebSocketToo) {
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade();
    static_cast<void>(device.play_hub());
  });
  Proxy proxy;
  {
    Desk desk;
    hub::Endpoint to = websocket(peer.port());
    to.proxy = url_of(proxy, "user:p%40ss@");
    ASSERT_TRUE(opens(desk, AttemptId{1}, to));
  }
  EXPECT_EQ(proxy.request(), "CONNECT " + own_address() + ':' + std::to_string(peer.port()) + " HTTP/1.1");
  EXPECT_THAT(proxy.head(), HasSubstr("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
}

TEST_F(Ways, AProxyThatRefusesIsNamedAndThePasswordIsNot) {
  for (const auto& [answer, words] : std::vector<std::pair<std::string, std::string>>{
           {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407 Proxy Authentication Required"},
           {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered 403"},
           {"SSH-2.0-OpenSSH\r\n", "not HTTP"}}) {
    Proxy proxy(answer);
    hub::Endpoint to = endpoint(free_port());
    to.proxy = url_of(proxy, "user:hush@");
    const core::Error error = refusal(to);
    EXPECT_EQ(error.fault, Fault::Unreachable) << error.what;
    EXPECT_THAT(error.what, HasSubstr(words));
    EXPECT_THAT(error.what, HasSubstr("the proxy " + own_address()));
    EXPECT_THAT(error.what, Not(HasSubstr("hush")));
  }
}

TEST_F(Ways, AProxyThatSaysNothingTimesOut) {
  Proxy proxy("silence");
  hub::Endpoint to = endpoint(free_port());
  to.proxy = url_of(proxy);
  to.timeout = 1200ms;
  const core::Error error = refusal(to);
  EXPECT_EQ(error.fault, Fault::TimedOut) << error.what;
}

TEST_F(Ways, ACommandThatIsNotStoredIsNotAcknowledgedThroughATunnelEither) {
  std::promise<std::vector<Dialogue::Packet>> came;
  ScriptedPeer peer([&](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade();
    device.accept_session();
    device.publish("devices/dev-1/messages/devicebound/%24.mid=7", "\"14:30\"", 7);
    came.set_value(device.receive_the_rest());
  });
  Desk desk;
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, websocket(peer.port())); });
  ASSERT_TRUE(desk.wait_for<hub::CommandReceived>(k_soon)) << "and let go of";
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(lost);
  EXPECT_THAT(lost->error.what, HasSubstr("could not be stored"));
  auto rest = came.get_future();
  ASSERT_EQ(rest.wait_for(k_soon), std::future_status::ready);
  EXPECT_THAT(rest.get(), Each(Field(&Dialogue::Packet::type, Not(k_puback))));
}

/// Auto: two doors, of which the first is each time another kind of shut.
class TwoDoors : public Ways {
 protected:
  [[nodiscard]] hub::Endpoint either(std::uint16_t mqtt_port) const {
    hub::Endpoint to = endpoint(mqtt_port);
    to.transport = Transport::Auto;
    to.websocket_port = websocket_.port();
    return to;
  }

  std::atomic<int> upgrades_ = 0;
  ScriptedPeer websocket_{[this](Dialogue& device) {
    device.start_tls(keys);
    device.upgrade();
    ++upgrades_;
    static_cast<void>(device.play_hub());
  }};
};

TEST_F(TwoDoors, WhereThe8883IsClosedThe443IsTakenAndRememberedUntilTheNetworkChanges) {
  const hub::Endpoint closed = either(free_port());
  Desk desk;
  ASSERT_TRUE(opens(desk, AttemptId{1}, closed));
  EXPECT_EQ(upgrades_, 1);

  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  ASSERT_TRUE(opens(desk, AttemptId{2}, either(broker.port())));
  EXPECT_EQ(upgrades_, 2) << "the door that got through last";

  desk.run([](hub::Sessions& sessions) { sessions.network_changed(); });
  ASSERT_TRUE(opens(desk, AttemptId{3}, either(broker.port())));
  EXPECT_EQ(upgrades_, 2);
}

TEST_F(TwoDoors, A8883ThatSaysNothingHasHalfOfTheTime) {
  ScriptedPeer silent([](Dialogue& device) { device.wait_until_gone(); });
  hub::Endpoint to = either(silent.port());
  to.timeout = 4s;
  Desk desk;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(opens(desk, AttemptId{1}, to));
  EXPECT_GE(std::chrono::steady_clock::now() - start, to.timeout / 2);
  EXPECT_EQ(upgrades_, 1);
}

TEST_F(TwoDoors, AHubThatRefusesIsNotAskedAtTheOtherDoor) {
  ScriptedPeer refusing([this](Dialogue& device) {
    device.start_tls(keys);
    device.acknowledge_connect(3);
    device.wait_until_gone();
  });
  EXPECT_EQ(refusal(either(refusing.port())).fault, Fault::HubUnavailable);
  EXPECT_EQ(upgrades_, 0);
}

TEST_F(TwoDoors, WhenBothAreClosedBothAreNamed) {
  hub::Endpoint to = either(free_port());
  to.websocket_port = free_port();
  const core::Error error = refusal(to);
  EXPECT_EQ(error.fault, Fault::Unreachable);
  EXPECT_THAT(error.what, HasSubstr(':' + std::to_string(to.mqtt_port) + ':'));
  EXPECT_THAT(error.what, HasSubstr(':' + std::to_string(to.websocket_port) + ':'));
}

}  // namespace
}  // namespace iotc_ha::hub_test
