#include "relay.hpp"

#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"
#include "websocket_device.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>

namespace iotc_ha::lizard::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto k_delay = 25ms;
constexpr int k_patience_ms = static_cast<int>(std::chrono::milliseconds(k_patience).count());

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

Descriptor new_socket() { return Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

/// errno of the attempt, 0 when it succeeded.
int connect_to(const Descriptor& from, const std::string& address, std::uint16_t port) {
  const sockaddr_in to = address_of(address, port);
  return connect(from.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

/// A listener on a free port of 127.0.0.1.
struct Server {
  Server() : socket(new_socket()) {
    sockaddr_in any = address_of("127.0.0.1", 0);
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(listen(socket.get(), 8), 0);
    socklen_t size = sizeof any;
    EXPECT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    port = ntohs(any.sin_port);
  }
  [[nodiscard]] Descriptor accept() const {
    pollfd readable{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, k_patience_ms) != 1) return {};
    return Descriptor(accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  Descriptor socket;
  std::uint16_t port = 0;
};

/// Up to `wanted` bytes, fewer when the other side ends first or nothing comes; errno tells which: 0 for an end.
std::string receive(const Descriptor& from, std::size_t wanted) {
  std::string text;
  std::array<char, 65536> bytes{};
  while (text.size() < wanted) {
    pollfd readable{.fd = from.get(), .events = POLLIN, .revents = 0};
    errno = ETIMEDOUT;
    if (poll(&readable, 1, k_patience_ms) != 1) break;
    errno = 0;
    const ssize_t count = recv(from.get(), bytes.data(), std::min(bytes.size(), wanted - text.size()), 0);
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

void put(const Descriptor& to, const std::string& text) {
  ASSERT_EQ(send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

void reset(Descriptor& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket.reset();
}

/// A client and a server with a relay between them.
class Relayed : public testing::Test {
 protected:
  Relayed() : relay(k_delay) {
    // A port that is free now and is the relay's a moment later, on an address of our own: nobody else takes it.
    where = "127." + std::to_string(10 + getpid() % 80) + "." + std::to_string(getpid() / 80 % 250) + ".3";
    const auto opened = relay.open({where, server.port}, {"127.0.0.1", server.port});
    EXPECT_TRUE(opened) << opened.error().what;
    before = steady_clock::now();
    EXPECT_EQ(connect_to(client, where, server.port), 0);
    peer = server.accept();
    EXPECT_TRUE(peer.valid());
  }

  Server server;
  Relay relay;
  std::string where;
  steady_clock::time_point before;
  Descriptor client = new_socket();
  Descriptor peer;
};

TEST_F(Relayed, WhatAClientSendsFirstComesAfterTheHandshakeAndTheWay) {
  put(client, "a");
  EXPECT_EQ(receive(peer, 1), "a");
  EXPECT_GE(steady_clock::now() - before, 3 * k_delay);
}

TEST_F(Relayed, BytesComeNoSoonerThanTheDelayInBothDirections) {
  put(client, "a");
  ASSERT_EQ(receive(peer, 1), "a");
  for (const auto& [from, to] : {std::pair{&client, &peer}, std::pair{&peer, &client}}) {
    const auto sent = steady_clock::now();
    put(*from, "hello");
    EXPECT_EQ(receive(*to, 5), "hello");
    EXPECT_GE(steady_clock::now() - sent, k_delay);
  }
}

TEST_F(Relayed, APeerThatDoesNotReadHoldsItsSenderUpAndNothingIsLostOrTurnedAround) {
  constexpr std::size_t k_more_than_any_buffer = 256UL << 20U;
  fcntl(client.get(), F_SETFL, fcntl(client.get(), F_GETFL) | O_NONBLOCK);
  std::string piece(65536, 'x');
  std::string sent;
  bool held_up = false;
  while (!held_up && sent.size() < k_more_than_any_buffer) {
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<char>((sent.size() + i) * 31 >> 3U);
    const ssize_t count = send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (count > 0) {
      sent.append(piece, 0, static_cast<std::size_t>(count));
    } else {
      // Room after a while is the relay at work; on a slow machine this ends too early, which proves less and is true.
      pollfd writable{.fd = client.get(), .events = POLLOUT, .revents = 0};
      held_up = poll(&writable, 1, 500) == 0;
    }
  }
  EXPECT_TRUE(held_up) << "after " << sent.size() << " bytes";
  shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(receive(peer, sent.size()) == sent);
  EXPECT_EQ(receive(peer, 1), "");
  EXPECT_EQ(errno, 0) << "the end comes after the bytes";
}

TEST_F(Relayed, AnEndLeavesTheOtherDirectionOpen) {
  put(client, "question");
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(receive(peer, 100), "question");
  EXPECT_EQ(errno, 0);
  put(peer, "answer");
  peer.reset();
  EXPECT_EQ(receive(client, 100), "answer");
  EXPECT_EQ(errno, 0);
}

TEST_F(Relayed, AResetComesAsAResetAfterTheBytesBeforeIt) {
  put(peer, "last words");
  EXPECT_EQ(receive(client, 10), "last words");
  const auto sent = steady_clock::now();
  reset(peer);
  EXPECT_EQ(receive(client, 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_GE(steady_clock::now() - sent, k_delay);
}

TEST_F(Relayed, AResetOfAClientReachesTheServer) {
  reset(client);
  EXPECT_EQ(receive(peer, 1), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(Relayed, AClosedAddressRefusesAndWhatIsOpenGoesOn) {
  relay.close(where);
  EXPECT_EQ(connect_to(new_socket(), where, server.port), ECONNREFUSED);
  put(client, "still here");
  EXPECT_EQ(receive(peer, 10), "still here");
}

TEST_F(Relayed, AServerThatRefusesIsAResetForTheClient) {
  server.socket.reset();
  const Descriptor late = new_socket();
  ASSERT_EQ(connect_to(late, where, server.port), 0);
  EXPECT_EQ(receive(late, 1), "");
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(FarAway, AKilledHubResetsItsConnectionsRefusesNewOnesAndComesBack) {
  const RunningLizard lizard({"--delay", "25ms", "--assigning-polls", "0"});
  Provisioning(lizard, "d1").register_device();
  const std::string hub = lizard.hub_address("hub-a");
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub), 0);
  EXPECT_TRUE(device.publish("devices/d1/messages/events/", "{}"));
  lizard.ask({"attack", "hub-a"});
  char byte = 0;
  ASSERT_TRUE(
      eventually([&] { return recv(device.socket(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 || errno != EAGAIN; }));
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(connect_to(new_socket(), hub, 8883), ECONNREFUSED);
  EXPECT_EQ(connect_to(new_socket(), hub, 8443), ECONNREFUSED);
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(device.connect(hub), 0);
}

TEST(FarAway, AnUnpluggedHubKeepsItsConnectionsOpenAndAnswersNothing) {
  const RunningLizard lizard({"--delay", "25ms", "--assigning-polls", "0"});
  Provisioning(lizard, "d1").register_device();
  const std::string hub = lizard.hub_address("hub-a");
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub), 0);
  lizard.ask({"attack", "hub-a", "--how", "unplug"});
  EXPECT_EQ(connect_to(new_socket(), hub, 8883), 0);
  device.send("$iothub/twin/GET/?$rid=1", "", 0);
  EXPECT_FALSE(device.receive("$iothub/twin/res/", 500ms));
  EXPECT_FALSE(device.is_closed(0ms));
  lizard.ask({"revive", "hub-a"});
  EXPECT_TRUE(device.is_closed()) << "stale sessions are dropped";
  EXPECT_EQ(device.connect(hub), 0);
}

TEST(ClosedMqtt, IsRefusedOnItsPortAndComesInOverWebSocket) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--delay", "5ms"}}) {
    std::vector<std::string> options{"--closed-mqtt", "--assigning-polls", "0"};
    options.insert(options.end(), more.begin(), more.end());
    const RunningLizard lizard(options);
    Provisioning(lizard, "d1").register_device();
    const std::string hub = lizard.hub_address("hub-a");
    EXPECT_EQ(connect_to(new_socket(), hub, 8883), ECONNREFUSED);
    WebSocketDevice device(lizard, hub, "d1");
    EXPECT_EQ(device.connect(), 0);
    EXPECT_TRUE(device.publish("devices/d1/messages/events/", "{}"));
  }
}

}  // namespace
}  // namespace iotc_ha::lizard::test
