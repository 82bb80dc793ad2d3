#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::lizard::test {
namespace {

class HubTest : public testing::Test {
 protected:
  explicit HubTest(std::vector<std::string> options = {"--assigning-polls", "0"}) : lizard(std::move(options)) {
    Provisioning(lizard, "d1").register_device();
    hub_a = lizard.hub_address("hub-a");
    hub_b = lizard.hub_address("hub-b");
  }

  RunningLizard lizard;
  std::string hub_a;
  std::string hub_b;
};

using Hub = HubTest;

class HubThatSays3 : public HubTest {
 protected:
  HubThatSays3() : HubTest({"--assigning-polls", "0", "--refusal", "3"}) {}
};

TEST_F(Hub, TakesADeviceThatIsAssignedHereAndKeepsItsTelemetry) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_EQ(lizard.device("d1")["connected_to"], "hub-a");
  ASSERT_TRUE(device.publish("devices/d1/messages/events/%24.mid=m%201&%24.ct=application%2Fjson", R"({"temp":20.5})"));
  const json message = lizard.ask({"telemetry", "--device", "d1"});
  EXPECT_EQ(message["hub"], "hub-a");
  EXPECT_EQ(message["mid"], "m 1");
  EXPECT_EQ(message["properties"]["$.ct"], "application/json");
  EXPECT_EQ(message["body"]["temp"], 20.5);
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 1);
  EXPECT_EQ(lizard.hub("hub-a")["telemetry"], 1);
}

TEST_F(Hub, RefusesWith5WhoMayNotComeIn) {
  EXPECT_EQ(Device(lizard, {.id = "d1"}).connect(hub_b), 5) << "assigned to another hub";
  EXPECT_EQ(Device(lizard, {.id = "d2"}).connect(hub_a), 5) << "never registered";
  EXPECT_EQ(Device(lizard, {.id = "d1", .key = key_of(lizard, "d2").reveal()}).connect(hub_a), 5) << "wrong key";
  EXPECT_EQ(Device(lizard, {.id = "d1", .token_life = std::chrono::seconds(-1)}).connect(hub_a), 5) << "expired";
  EXPECT_EQ(lizard.hub("hub-a")["refusals"], 3);
  EXPECT_EQ(lizard.hub("hub-a")["connections"], 0);
}

TEST_F(Hub, RefusesWith4AUserNameOfAnotherForm) {
  for (const std::string& name : {hub_a + "/d1", hub_b + "/d1/?api-version=2021-04-12", std::string("d1"),
                                  hub_a + "/d2/?api-version=2021-04-12", hub_a + "/d1/?model-id=x"}) {
    EXPECT_EQ(Device(lizard, {.id = "d1", .user_name = name}).connect(hub_a), 4) << name;
  }
}

TEST_F(HubThatSays3, RefusesSoADeviceOfAnotherHubButNotAWrongKey) {
  EXPECT_EQ(Device(lizard, {.id = "d1"}).connect(hub_b), 3);
  EXPECT_EQ(Device(lizard, {.id = "d1", .key = key_of(lizard, "d2").reveal()}).connect(hub_a), 5);
}

TEST_F(Hub, DropsAndRefusesADisabledDeviceUntilItIsEnabled) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  lizard.ask({"disable", "d1"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 5);
  lizard.ask({"enable", "d1"});
  EXPECT_EQ(device.connect(hub_a), 0);
}

TEST_F(Hub, CutsTheSessionWhenTheTokenExpires) {
  Device device(lizard, {.id = "d1", .token_life = std::chrono::seconds(2)});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(device.is_closed());
  EXPECT_TRUE(eventually([&] { return lizard.device("d1")["expiry_cuts"] == 1; }));
}

TEST_F(Hub, ClosesTheConnectionOnQos2) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  device.send("devices/d1/messages/events/", "{}", 2);
  EXPECT_TRUE(device.is_closed());
}

TEST_F(Hub, ClosesTheConnectionOnATopicThatIsNoneOfTheDevices) {
  Provisioning(lizard, "d2").register_device();
  for (const std::string topic :
       {"devices/d2/messages/events/", "telemetry", "$iothub/twin/res/200/?$rid=1", "$dps/x"}) {
    Device device(lizard, {.id = "d1"});
    ASSERT_EQ(device.connect(hub_a), 0);
    device.send(topic, "{}", 1);
    EXPECT_TRUE(device.is_closed()) << topic;
  }
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 0);
}

TEST_F(Hub, GrantsTheFourSubscriptionsWithQos1AtMostAndNoOther) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(device.subscribe_all());
  EXPECT_EQ(device.subscribe("$iothub/methods/POST/#", 2), 1);
  EXPECT_EQ(device.subscribe("devices/d2/messages/devicebound/#"), 0x80);
  EXPECT_EQ(device.subscribe("#"), 0x80);
}

TEST_F(Hub, TakesAMessageOf256KiBAndClosesTheConnectionOnALargerOne) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(device.publish("devices/d1/messages/events/", std::string(256UL * 1024, 'x')));
  device.send("devices/d1/messages/events/", std::string(256UL * 1024 + 1, 'x'));
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 1);
}

TEST_F(Hub, ClosesTheConnectionOnPoisonWithoutTakingItUntilThatIsOver) {
  lizard.ask({"poison", "bitter"});
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(device.publish("devices/d1/messages/events/", R"({"taste":"sweet"})"));
  device.send("devices/d1/messages/events/", R"({"taste":"bitter"})");
  EXPECT_TRUE(device.is_closed());
  EXPECT_TRUE(eventually([&] { return lizard.happened("poisoned", "d1"); }));
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 1);

  lizard.ask({"poison", "--off"});
  Device another(lizard, {.id = "d1"});
  ASSERT_EQ(another.connect(hub_a), 0);
  EXPECT_TRUE(another.publish("devices/d1/messages/events/", R"({"taste":"bitter"})"));
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 2);
}

TEST_F(Hub, StillKnowsThePoisonWhenItIsBackFromTheDead) {
  lizard.ask({"poison", "bitter"});
  lizard.ask({"attack", "hub-a", "--how", "kill"});
  lizard.ask({"revive", "hub-a"});
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  device.send("devices/d1/messages/events/", R"({"taste":"bitter"})");
  EXPECT_TRUE(device.is_closed());
}

TEST_F(Hub, GivesItsTelemetryInPieces) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  for (const char* body : {"1", "2", "3"}) ASSERT_TRUE(device.publish("devices/d1/messages/events/", body));
  const auto head = lizard.lines_of({"telemetry", "--limit", "2"});
  ASSERT_EQ(head.size(), 2U);
  EXPECT_EQ(head[0]["body"], 1);
  const auto rest = lizard.lines_of({"telemetry", "--limit", "2", "--since", head[1]["seq"].dump()});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0]["body"], 3);
}

TEST_F(Hub, DisplacesTheOlderOfTwoConnectionsOfADevice) {
  Device older(lizard, {.id = "d1"});
  ASSERT_EQ(older.connect(hub_a), 0);
  Device newer(lizard, {.id = "d1"});
  ASSERT_EQ(newer.connect(hub_a), 0);
  EXPECT_TRUE(older.is_closed());
  EXPECT_TRUE(newer.publish("devices/d1/messages/events/", "{}"));
  EXPECT_EQ(lizard.device("d1")["connected_to"], "hub-a");
}

TEST_F(Hub, CountsACleanDisconnectAsOne) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  device.disconnect();
  EXPECT_TRUE(eventually([&] { return lizard.device("d1")["clean_disconnects"] == 1; }));
  {
    Device lost(lizard, {.id = "d1"});
    ASSERT_EQ(lost.connect(hub_a), 0);
  }
  EXPECT_TRUE(eventually([&] { return lizard.device("d1")["connected_to"].is_null(); }));
  EXPECT_EQ(lizard.device("d1")["clean_disconnects"], 1);
}

TEST_F(Hub, RefusesAfterAMoveOnTheOldHubAndMovesBackByItself) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  lizard.ask({"move", "d1", "hub-b", "--ttl", "2"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 5);
  EXPECT_FALSE(lizard.device("d1")["ttl_until"].is_null());
  ASSERT_EQ(device.connect(hub_b), 0);
  EXPECT_TRUE(device.is_closed()) << "the time to live is over";
  EXPECT_EQ(device.connect(hub_b), 5);
  EXPECT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(lizard.device("d1")["ttl_until"].is_null());
}

TEST_F(Hub, TakesAFloodOfMessagesInOrder) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  constexpr int k_messages = 5000;
  const auto before = std::chrono::steady_clock::now();
  for (int i = 1; i < k_messages; ++i) device.send("devices/d1/messages/events/", std::to_string(i), 0);
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", std::to_string(k_messages)));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  RecordProperty("messages_per_second", static_cast<int>(k_messages / took.count()));
  const std::vector<json> messages = lizard.lines_of({"telemetry"});
  ASSERT_EQ(messages.size(), static_cast<std::size_t>(k_messages));
  for (int i = 0; i < k_messages; ++i) ASSERT_EQ(messages[static_cast<std::size_t>(i)]["body"], i + 1);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
