// MQTT over WebSocket on hubs and DPS: the same to the lizard as MQTT, and attacked with it.

#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"
#include "websocket_device.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <gtest/gtest.h>
#include <httplib.h>

namespace iotc_ha::lizard::test {
namespace {

class OverWebSocket : public testing::Test {
 protected:
  OverWebSocket() : lizard({"--assigning-polls", "0"}) {
    Provisioning(lizard, "d1").register_device();
    hub_a = lizard.hub_address("hub-a");
    dps = lizard.facts()["dps"]["address"];
    port = lizard.facts()["dps"]["port"];
  }

  /// The HTTP status of an answer to one who asks for a WebSocket.
  int asked(const std::string& address, const std::string& path, httplib::Headers headers = {}) const {
    httplib::SSLClient client(address, port);
    client.set_ca_cert_path(lizard.facts()["ca_file"].get<std::string>().c_str());
    for (const auto& [name, value] :
         std::initializer_list<std::pair<const char*, const char*>>{{"Connection", "Upgrade"},
                                                                    {"Upgrade", "websocket"},
                                                                    {"Sec-WebSocket-Version", "13"},
                                                                    {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                                                    {"Sec-WebSocket-Protocol", "mqtt"}}) {
      if (!headers.contains(name)) headers.emplace(name, value);
    }
    const auto result = client.Get(path, headers);
    return result ? result->status : 0;
  }

  RunningLizard lizard;
  std::string hub_a;
  std::string dps;
  int port = 0;
};

TEST_F(OverWebSocket, ADeviceIsTheSameToTheHubAsOverMqtt) {
  WebSocketDevice device(lizard, hub_a, "d1");
  ASSERT_EQ(device.connect(), 0);
  EXPECT_EQ(lizard.device("d1")["connected_to"], "hub-a");
  EXPECT_TRUE(device.publish("devices/d1/messages/events/%24.mid=m1", R"({"temp":20.5})"));
  const std::string large(256UL * 1024, 'x');
  EXPECT_TRUE(device.publish("devices/d1/messages/events/%24.mid=m2", large));
  const auto messages = lizard.lines_of({"telemetry", "--device", "d1"});
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0]["mid"], "m1");
  EXPECT_EQ(messages[1]["body"], large);

  ASSERT_TRUE(device.subscribe("$iothub/twin/res/#"));
  ASSERT_TRUE(device.publish("$iothub/twin/GET/?$rid=1", ""));
  EXPECT_EQ(device.receive(), "$iothub/twin/res/200/?$rid=1");
  device.disconnect();
  EXPECT_TRUE(eventually([&] { return lizard.device("d1")["clean_disconnects"] == 1; }));
}

TEST_F(OverWebSocket, TheConnackSaysWhyADeviceIsRefused) {
  lizard.ask({"attack", "hub-a", "--how", "refuse"});
  WebSocketDevice device(lizard, hub_a, "d1");
  EXPECT_EQ(device.connect(), 3);
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(device.connect(), 0);
  EXPECT_EQ(WebSocketDevice(lizard, lizard.hub_address("hub-b"), "d1").connect(), 5);
}

TEST_F(OverWebSocket, OneConnectionDisplacesTheOtherWhicheverWayTheyCame) {
  WebSocketDevice older(lizard, hub_a, "d1");
  ASSERT_EQ(older.connect(), 0);
  Device newer(lizard, {.id = "d1"});
  ASSERT_EQ(newer.connect(hub_a), 0);
  EXPECT_TRUE(older.is_closed());
  ASSERT_EQ(older.connect(), 0);
  EXPECT_TRUE(newer.is_closed());
}

TEST_F(OverWebSocket, AnAttackOnTheHubStrikesItToo) {
  WebSocketDevice device(lizard, hub_a, "d1");
  ASSERT_EQ(device.connect(), 0);
  lizard.ask({"attack", "hub-a", "--how", "drop"});
  EXPECT_TRUE(device.is_closed());
  ASSERT_EQ(device.connect(), 0);

  lizard.ask({"attack", "hub-a", "--how", "unplug"});
  EXPECT_FALSE(device.publish("devices/d1/messages/events/", "{}", std::chrono::milliseconds(500)));
  EXPECT_FALSE(device.is_closed(std::chrono::milliseconds(0)));
  lizard.ask({"revive", "hub-a"});
  EXPECT_TRUE(device.is_closed());
  ASSERT_EQ(device.connect(), 0);

  lizard.ask({"attack", "hub-a", "--how", "kill"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(), -1);
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(device.connect(), 0);
}

TEST_F(OverWebSocket, DpsRegistersADeviceAtBothPathsBesideItsHttps) {
  const std::string scope = lizard.facts()["id_scope"];
  Provisioning https(lizard, "d7");
  for (const std::string path : {"/$iothub/websocket", ""}) {
    WebSocketDevice device(
        lizard, dps + path,
        WebSocketDevice::Login{
            .id = "d7", .user_name = scope + "/registrations/d7/api-version=2019-03-31", .password = https.token()});
    ASSERT_EQ(device.connect(), 0) << path;
    ASSERT_TRUE(device.subscribe("$dps/registrations/res/#"));
    ASSERT_TRUE(device.publish("$dps/registrations/PUT/iotdps-register/?$rid=1", R"({"registrationId":"d7"})"));
    EXPECT_EQ(device.receive(), "$dps/registrations/res/200/?$rid=1") << path;
    EXPECT_EQ(https.put().status, 200);
  }
  EXPECT_EQ(lizard.device("d7")["registrations"], 4);
}

TEST_F(OverWebSocket, AnotherPathOrProtocolIsRefused) {
  EXPECT_EQ(asked(hub_a, "/mqtt"), 404);
  EXPECT_EQ(asked(hub_a, "/"), 404) << "the bare path is DPS's";
  EXPECT_EQ(asked(dps, "/mqtt"), 404);
  EXPECT_EQ(asked(hub_a, "/$iothub/websocket", {{"Sec-WebSocket-Protocol", "amqp"}}), 400);
  EXPECT_EQ(asked(hub_a, "/$iothub/websocket", {{"Sec-WebSocket-Version", "8"}}), 400);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
