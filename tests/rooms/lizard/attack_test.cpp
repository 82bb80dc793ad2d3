#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace iotc_ha::lizard::test {
namespace {

class Attacks : public testing::Test {
 protected:
  Attacks() : lizard({"--assigning-polls", "0"}) {
    Provisioning(lizard, "d1").register_device();
    hub_a = lizard.hub_address("hub-a");
  }

  RunningLizard lizard;
  std::string hub_a;
};

/// errno of a TCP connection to the hub, 0 when it was accepted.
int tcp_connect(const std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(8883);
  inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
  close(fd);
  return error;
}

TEST_F(Attacks, AKilledHubResetsItsConnectionsAndRefusesNewOnes) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  lizard.ask({"attack", "hub-a", "--how", "kill"});
  char byte = 0;
  ASSERT_TRUE(
      eventually([&] { return recv(device.socket(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 || errno != EAGAIN; }));
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(tcp_connect(hub_a), ECONNREFUSED);
  EXPECT_EQ(lizard.hub("hub-a")["state"], "killed");
  EXPECT_TRUE(lizard.device("d1")["connected_to"].is_null());
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(device.connect(hub_a), 0);
}

TEST_F(Attacks, NothingThatAKilledHubHasAcknowledgedIsLost) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  std::size_t acknowledged = 0;
  for (; acknowledged < 200; ++acknowledged) ASSERT_TRUE(device.publish("devices/d1/messages/events/", "{}"));
  lizard.ask({"attack", "hub-a", "--how", "kill"});
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], acknowledged);
}

TEST_F(Attacks, AnUnpluggedHubKeepsItsConnectionsOpenAndAnswersNothing) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  lizard.ask({"attack", "hub-a", "--how", "unplug"});
  EXPECT_EQ(tcp_connect(hub_a), 0);
  device.send("$iothub/twin/GET/?$rid=1", "", 0);
  EXPECT_FALSE(device.receive("$iothub/twin/res/", std::chrono::milliseconds(500)));
  EXPECT_FALSE(device.is_closed(std::chrono::milliseconds(0)));
  EXPECT_EQ(lizard.hub("hub-a")["state"], "unplugged");
  lizard.ask({"revive", "hub-a"});
  EXPECT_TRUE(device.is_closed()) << "stale sessions are dropped";
  EXPECT_EQ(device.connect(hub_a), 0);
}

TEST_F(Attacks, ARefusingHubDropsItsSessionsAndSaysTheCodeAskedFor) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  lizard.ask({"attack", "hub-a", "--how", "refuse"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 3);
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(device.connect(hub_a), 0);
  lizard.ask({"attack", "hub-a", "--how", "refuse", "--code", "5"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 5);
}

TEST_F(Attacks, SessionsAreDroppedOnceAndTheHubLives) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  lizard.ask({"attack", "hub-a", "--how", "drop"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 0);
  EXPECT_EQ(lizard.hub("hub-a")["state"], "up");
}

TEST_F(Attacks, WhatMakesNoSenseIsSaidAndChangesNothing) {
  EXPECT_NE(lizard.error_of({"attack", "hub-z"}).find("hub-z"), std::string::npos);
  lizard.ask({"attack", "hub-a"});
  EXPECT_NE(lizard.error_of({"attack", "hub-a", "--how", "unplug"}).find("killed already"), std::string::npos);
  EXPECT_NE(lizard.error_of({"move", "d1", "hub-z"}).find("hub-z"), std::string::npos);
  EXPECT_NE(lizard.error_of({"move", "d9", "hub-b"}).find("d9"), std::string::npos);
  EXPECT_EQ(lizard.hub("hub-a")["state"], "killed");
}

}  // namespace
}  // namespace iotc_ha::lizard::test
