// DPS over MQTT: the topics, and that it is the same service as over HTTPS.

#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <gtest/gtest.h>

#include <csignal>

namespace iotc_ha::lizard::test {
namespace {

constexpr const char* k_responses = "$dps/registrations/res/#";
constexpr const char* k_response = "$dps/registrations/res/";

class DpsOverMqtt : public testing::Test {
 protected:
  explicit DpsOverMqtt(std::vector<std::string> options = {"--retry-after", "7"}) : lizard(std::move(options)) {
    dps = lizard.facts()["dps"]["address"];
    scope = lizard.facts()["id_scope"];
  }

  [[nodiscard]] Device::Identity identity(const std::string& id, const std::string& key_of_id = "") const {
    const auto expiry =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
    const core::Secret key = key_of(lizard, key_of_id.empty() ? id : key_of_id);
    return {.id = id,
            .clean_session = true,
            .user_name = scope + "/registrations/" + id + "/api-version=2019-03-31&ClientVersion=test",
            .token = azure::dps_token(key, scope, id, expiry).value().reveal()};
  }

  static void send_registration(Device& device, const std::string& rid) {
    device.send("$dps/registrations/PUT/iotdps-register/?$rid=" + rid,
                R"({"registrationId":"d1","payload":{"modelId":"dtmi:Sample:Failover;1"}})");
  }
  static void send_poll(Device& device, const std::string& rid, const std::string& operation) {
    device.send("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=" + rid + "&operationId=" + operation, " ");
  }

  RunningLizard lizard;
  std::string dps;
  std::string scope;
};

class DpsOverMqttAtOnce : public DpsOverMqtt {
 protected:
  DpsOverMqttAtOnce() : DpsOverMqtt({"--assigning-polls", "0"}) {}
};

TEST_F(DpsOverMqtt, AssignsAHubAfterOneAnswerThatItIsStillAtIt) {
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_EQ(device.subscribe(k_responses), 1);
  send_registration(device, "a1");
  const auto first = device.receive(k_response);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->topic, "$dps/registrations/res/202/?$rid=a1&retry-after=7");
  EXPECT_EQ(json::parse(first->body)["status"], "assigning");
  send_poll(device, "a2", json::parse(first->body)["operationId"]);
  const auto second = device.receive(k_response);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->topic, "$dps/registrations/res/200/?$rid=a2");
  const json body = json::parse(second->body);
  EXPECT_EQ(body["status"], "assigned");
  EXPECT_EQ(body["registrationState"]["assignedHub"], lizard.hub_address("hub-a"));
  EXPECT_EQ(lizard.device("d1")["model_id"], "dtmi:Sample:Failover;1");
  const json status = lizard.ask({"status"})["dps"];
  EXPECT_EQ(status["registrations"], 1);
  EXPECT_EQ(status["polls"], 1);
  EXPECT_EQ(Provisioning(lizard, "d1").look_up().body["assignedHub"], lizard.hub_address("hub-a"))
      << "over HTTPS it is the same service";
}

TEST_F(DpsOverMqttAtOnce, TakesARegistrationWithoutABodyAndAnswersNobodyWhoDoesNotListen) {
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_TRUE(device.publish("$dps/registrations/PUT/iotdps-register/?$rid=1", ""));
  ASSERT_EQ(device.subscribe(k_responses, 0), 0);
  ASSERT_TRUE(device.publish("$dps/registrations/PUT/iotdps-register/?$rid=2", ""));
  EXPECT_EQ(device.receive(k_response).value_or(Device::Message{}).topic, "$dps/registrations/res/200/?$rid=2");
}

TEST_F(DpsOverMqtt, RefusesWith5AWrongKeyAndAnotherScopeAndWith4AUserNameOfAnotherForm) {
  EXPECT_EQ(Device(lizard, identity("d1", "d2")).connect(dps), 5);
  Device::Identity other_scope = identity("d1");
  other_scope.user_name = "0ne00000000/registrations/d1/api-version=2019-03-31";
  EXPECT_EQ(Device(lizard, other_scope).connect(dps), 5);
  for (const std::string& name : {scope + "/registrations/d1", scope + "/registrations/d2/api-version=2019-03-31",
                                  scope + "/registrations/d1/ClientVersion=test", std::string("d1")}) {
    Device::Identity misnamed = identity("d1");
    misnamed.user_name = name;
    EXPECT_EQ(Device(lizard, misnamed).connect(dps), 4) << name;
  }
  EXPECT_TRUE(lizard.device("d1").is_null()) << "a device that was refused must not exist";
}

TEST_F(DpsOverMqttAtOnce, SaysInTheTopicHowLongToWaitWhenItThrottles) {
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_EQ(device.subscribe(k_responses), 1);
  lizard.ask({"throttle", "--retry-after", "12"});
  send_registration(device, "1");
  const auto throttled = device.receive(k_response);
  ASSERT_TRUE(throttled);
  EXPECT_EQ(throttled->topic, "$dps/registrations/res/429/?$rid=1&retry-after=12");
  EXPECT_EQ(json::parse(throttled->body)["errorCode"], 429001);
  lizard.ask({"throttle", "--off"});
  send_registration(device, "2");
  EXPECT_TRUE(device.receive("$dps/registrations/res/200/?$rid=2"));
}

TEST_F(DpsOverMqttAtOnce, SaysThatADeviceIsDisabledWithAStatusOf200) {
  Provisioning(lizard, "d1").register_device();
  lizard.ask({"disable", "d1"});
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_EQ(device.subscribe(k_responses), 1);
  send_registration(device, "1");
  const auto disabled = device.receive("$dps/registrations/res/200/?$rid=1");
  ASSERT_TRUE(disabled);
  EXPECT_EQ(json::parse(disabled->body)["status"], "disabled");
}

TEST_F(DpsOverMqtt, KnowsNoOtherTopics) {
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  EXPECT_EQ(device.subscribe("$iothub/twin/res/#"), 0x80);
  EXPECT_EQ(device.subscribe("#"), 0x80);
  device.send("devices/d1/messages/events/", "{}");
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(lizard.ask({"telemetry", "--count"})["count"], 0);
}

TEST_F(DpsOverMqttAtOnce, IsKilledSilencedRefusingOrDroppedWithTheRestOfDps) {
  Device device(lizard, identity("d1"));
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_EQ(device.subscribe(k_responses), 1);

  lizard.ask({"attack", "dps", "--how", "refuse"});
  EXPECT_EQ(Device(lizard, identity("d2")).connect(dps), 3);
  send_registration(device, "1");
  EXPECT_TRUE(device.receive("$dps/registrations/res/503/?$rid=1"));
  lizard.ask({"revive", "dps"});

  lizard.ask({"attack", "dps", "--how", "drop"});
  EXPECT_TRUE(device.is_closed());
  ASSERT_EQ(device.connect(dps), 0);
  ASSERT_EQ(device.subscribe(k_responses), 1);

  lizard.ask({"attack", "dps", "--how", "unplug"});
  send_registration(device, "2");
  EXPECT_FALSE(device.receive(k_response, std::chrono::milliseconds(500)));
  EXPECT_FALSE(device.is_closed(std::chrono::milliseconds(0)));
  lizard.ask({"revive", "dps"});
  EXPECT_TRUE(device.is_closed()) << "stale connections are dropped";
  ASSERT_EQ(device.connect(dps), 0);

  lizard.ask({"attack", "dps", "--how", "kill"});
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(dps), -1);
  lizard.ask({"revive", "dps"});
  EXPECT_EQ(device.connect(dps), 0);
}

TEST_F(DpsOverMqttAtOnce, IsStartedAgainWhenItDiesByItself) {
  kill(lizard.ask({"status"})["dps"]["pid"].get<pid_t>(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return lizard.happened("dps-restarted"); }));
  EXPECT_TRUE(eventually([&] { return Device(lizard, identity("d1")).connect(dps) == 0; }));
}

}  // namespace
}  // namespace iotc_ha::lizard::test
