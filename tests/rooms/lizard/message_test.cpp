#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>

#include <future>

namespace iotc_ha::lizard::test {
namespace {

class Messages : public testing::Test {
 protected:
  Messages() : lizard({"--assigning-polls", "0"}) {
    Provisioning(lizard, "d1").register_device();
    hub_a = lizard.hub_address("hub-a");
  }
  std::uint64_t queued() const { return lizard.device("d1")["c2d_queued"].get<std::uint64_t>(); }

  RunningLizard lizard;
  std::string hub_a;
};

TEST_F(Messages, TheTwinIsReadChangedAndPushed) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  device.send("$iothub/twin/GET/?$rid=1", "", 0);
  const auto twin = device.receive("$iothub/twin/res/200/?$rid=1");
  ASSERT_TRUE(twin);
  EXPECT_EQ(json::parse(twin->body), json::parse(R"({"desired":{"$version":1},"reported":{"$version":1}})"));

  device.send("$iothub/twin/PATCH/properties/reported/?$rid=2", R"({"battery":60.5})", 0);
  EXPECT_TRUE(device.receive("$iothub/twin/res/204/?$rid=2&$version=2"));
  device.send("$iothub/twin/PATCH/properties/reported/?$rid=3", "{", 0);
  const auto refused = device.receive("$iothub/twin/res/400/?$rid=3");
  ASSERT_TRUE(refused);
  EXPECT_EQ(json::parse(refused->body)["errorCode"], 400004);
  EXPECT_EQ(json::parse(refused->body)["message"], "the patch is not JSON");

  EXPECT_EQ(lizard.ask({"desired", "d1", R"({"fanSpeed":42})"})["version"], 2);
  const auto push = device.receive("$iothub/twin/PATCH/properties/desired/?$version=2");
  ASSERT_TRUE(push);
  EXPECT_EQ(json::parse(push->body), json::parse(R"({"fanSpeed":42,"$version":2})"));
  const json document = lizard.ask({"twin", "d1"});
  EXPECT_EQ(document["desired"]["fanSpeed"], 42);
  EXPECT_EQ(document["reported"], json::parse(R"({"battery":60.5,"$version":2})"));
}

TEST_F(Messages, ADesiredChangeWhileOfflineIsNotPushedLaterButReadWithTheTwin) {
  lizard.ask({"desired", "d1", R"({"fanSpeed":1})"});
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  device.send("$iothub/twin/GET/?$rid=1", "", 0);
  const auto twin = device.receive("$iothub/twin/res/200/?$rid=1");
  ASSERT_TRUE(twin);
  EXPECT_EQ(json::parse(twin->body)["desired"]["fanSpeed"], 1);
  EXPECT_FALSE(device.receive("$iothub/twin/PATCH/", std::chrono::milliseconds(100)));
}

TEST_F(Messages, ACommandComesBackWithItsAnswer) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_NE(lizard.error_of({"command", "d1", "echo"}).find("not subscribed"), std::string::npos);
  ASSERT_TRUE(device.subscribe_all());
  auto answer = std::async(std::launch::async, [this] {
    return lizard.ask({"command", "d1", "echo", R"({"message":"hi"})"});
  });
  const auto request = device.receive("$iothub/methods/POST/echo/?$rid=");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body, R"({"message":"hi"})");
  const std::string rid = request->topic.substr(request->topic.find("$rid=") + 5);
  ASSERT_TRUE(device.publish("$iothub/methods/res/201/?$rid=" + rid, R"({"response":"hi"})", 0));
  const json result = answer.get();
  EXPECT_EQ(result["status"], 201);
  EXPECT_EQ(result["payload"]["response"], "hi");
}

TEST_F(Messages, ACommandWithoutAPayloadComesAsNull) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  auto answer = std::async(std::launch::async, [this] { return lizard.ask({"command", "d1", "reboot"}); });
  const auto request = device.receive("$iothub/methods/POST/reboot/?$rid=");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body, "null");
  const std::string rid = request->topic.substr(request->topic.find("$rid=") + 5);
  ASSERT_TRUE(device.publish("$iothub/methods/res/200/?$rid=" + rid, "", 0));
  EXPECT_EQ(answer.get()["status"], 200);
}

TEST_F(Messages, ACommandFailsWhenNobodyIsThereOrNobodyAnswers) {
  EXPECT_NE(lizard.error_of({"command", "d1", "echo"}).find("not connected"), std::string::npos);
  EXPECT_NE(lizard.error_of({"command", "d2", "echo"}).find("d2"), std::string::npos);
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  EXPECT_NE(lizard.error_of({"command", "d1", "echo", "--timeout", "0.2"}).find("no answer"), std::string::npos);
  auto lost = std::async(std::launch::async, [this] { return lizard.error_of({"command", "d1", "echo"}); });
  ASSERT_TRUE(device.receive("$iothub/methods/POST/echo/?$rid=2"));
  device.disconnect();
  EXPECT_NE(lost.get().find("lost its connection"), std::string::npos);
}

TEST_F(Messages, ACloudMessageWaitsForTheDeviceAndLeavesTheQueueOnceItIsAcknowledged) {
  const std::string mid =
      lizard.ask({"c2d", "d1", R"("14:30")", "--method-name", "setAlarm", "--property", "a key=a value"})["mid"];
  EXPECT_EQ(queued(), 1U);
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  ASSERT_TRUE(device.subscribe_all());
  const auto message = device.receive("devices/d1/messages/devicebound/");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->topic, "devices/d1/messages/devicebound/%24.mid=" + mid +
                                "&%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound&method-name=setAlarm&"
                                "a%20key=a%20value&iothub-ack=none");
  EXPECT_EQ(message->body, R"("14:30")");
  EXPECT_EQ(message->qos, 1);
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", "{}"));  // the PUBACK is on its way before this one
  EXPECT_EQ(queued(), 0U);
}

TEST_F(Messages, ACloudMessageThatWasNotAcknowledgedFollowsTheDeviceToAnotherHub) {
  {
    Device device(lizard, {.id = "d1"});
    ASSERT_EQ(device.connect(hub_a), 0);
    ASSERT_TRUE(device.subscribe_all());
    lizard.ask({"c2d", "d1", "1"});  // this device does not read any more
    EXPECT_EQ(queued(), 1U);
  }
  lizard.ask({"move", "d1", "hub-b"});
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(lizard.hub_address("hub-b")), 0);
  ASSERT_TRUE(device.subscribe_all());
  EXPECT_TRUE(device.receive("devices/d1/messages/devicebound/"));
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", "{}"));
  EXPECT_EQ(queued(), 0U);
}

TEST_F(Messages, ACloudMessageThatWasNotAcknowledgedComesAgainOnTheSameHubOnce) {
  {
    Device device(lizard, {.id = "d1"});
    ASSERT_EQ(device.connect(hub_a), 0);
    ASSERT_TRUE(device.subscribe_all());
    lizard.ask({"c2d", "d1", "1"});
  }
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_TRUE(device.receive("devices/d1/messages/devicebound/")) << "the C2D subscription outlives the connection";
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", "{}"));
  EXPECT_EQ(queued(), 0U);
  EXPECT_FALSE(device.receive("devices/d1/messages/devicebound/", std::chrono::milliseconds(100)));
}

TEST_F(Messages, ACleanSessionDiscardsTheCloudMessagesThatWait) {
  lizard.ask({"c2d", "d1", "1"});
  Device device(lizard, {.id = "d1", .clean_session = true});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_EQ(queued(), 0U);
}

TEST_F(Messages, TheQueueOfCloudMessagesHasTheHubsLimitOf50) {
  for (int i = 0; i < 50; ++i) lizard.ask({"c2d", "d1", "1"});
  EXPECT_NE(lizard.error_of({"c2d", "d1", "1"}).find("50 messages waiting"), std::string::npos);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
