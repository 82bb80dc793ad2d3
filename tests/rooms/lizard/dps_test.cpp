#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::lizard::test {
namespace {

std::string token(const core::Secret& key, const std::string& resource) {
  const auto expiry =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
  return "SharedAccessSignature sr=" + resource +
         "&sig=" + azure::percent_encode(azure::sign(key, resource, expiry).value()) +
         "&se=" + std::to_string(expiry.time_since_epoch().count()) + "&skn=registration";
}

TEST(Dps, AssignsTheHomeHubAfterOneAnswerThatItIsStillAtIt) {
  const RunningLizard lizard({"--retry-after", "7"});
  Provisioning dps(lizard, "d1");
  const Answer first = dps.put();
  ASSERT_EQ(first.status, 202);
  EXPECT_EQ(first.retry_after, "7");
  EXPECT_EQ(first.body["status"], "assigning");
  const Answer second = dps.poll(first.body["operationId"]);
  ASSERT_EQ(second.status, 200);
  EXPECT_EQ(second.body["status"], "assigned");
  const json& state = second.body["registrationState"];
  EXPECT_EQ(state["assignedHub"], lizard.hub_address("hub-a"));
  EXPECT_EQ(state["deviceId"], "d1");
  EXPECT_EQ(state["substatus"], "initialAssignment");
  EXPECT_EQ(lizard.device("d1")["model_id"], "dtmi:Sample:Failover;1");
  EXPECT_EQ(dps.look_up().body["assignedHub"], lizard.hub_address("hub-a"));
}

TEST(Dps, AnswersAssignedAtOnceOrLateAsItIsTold) {
  const RunningLizard at_once({"--assigning-polls", "0"});
  EXPECT_EQ(Provisioning(at_once, "d1").put().body["status"], "assigned");
  const RunningLizard late({"--assigning-polls", "3"});
  Provisioning dps(late, "d1");
  const std::string operation = dps.put().body["operationId"];
  EXPECT_EQ(dps.poll(operation).status, 202);
  EXPECT_EQ(dps.poll(operation).status, 202);
  EXPECT_EQ(dps.poll(operation).status, 200);
}

TEST(Dps, RefusesAWrongKeyAnExpiredTokenAndATokenForAnotherResource) {
  const RunningLizard lizard;
  Provisioning dps(lizard, "d1");
  dps.use_key(key_of(lizard, "d2"));
  const Answer wrong_key = dps.put();
  EXPECT_EQ(wrong_key.status, 401);
  EXPECT_EQ(wrong_key.body["errorCode"], 401002);
  EXPECT_FALSE(wrong_key.body["trackingId"].get<std::string>().empty());

  const std::string scope = lizard.facts()["id_scope"];
  dps.use_token(azure::dps_token(key_of(lizard, "d1"), scope, "d1", std::chrono::sys_seconds(std::chrono::hours(1)))
                    .value()
                    .reveal());
  EXPECT_EQ(dps.put().status, 401);
  dps.use_token(token(key_of(lizard, "d1"), scope + "%2Fregistrations%2Fd2"));
  EXPECT_EQ(dps.put().status, 401);
  dps.use_token("");
  EXPECT_EQ(dps.put().status, 401);
  EXPECT_TRUE(lizard.device("d1").is_null()) << "a device that was refused must not exist";
}

TEST(Dps, TakesEachSpellingOfTheResourceThatAnSdkUses) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  Provisioning dps(lizard, "d1");
  const core::Secret key = key_of(lizard, "d1");
  const std::string scope = lizard.facts()["id_scope"];
  for (const std::string slash : {"%2F", "%2f", "/"}) {
    dps.use_token(token(key, scope + slash + "registrations" + slash + "d1"));
    EXPECT_EQ(dps.put().status, 200) << slash;
  }
}

TEST(Dps, TakesAPollWithABodyAndTheNextRequestOnTheSameConnection) {
  const RunningLizard lizard;
  Provisioning dps(lizard, "d1");
  const std::string operation = dps.put().body["operationId"];
  EXPECT_EQ(dps.poll(operation, "{}").body["status"], "assigned");
  EXPECT_EQ(dps.put().status, 202) << "the body was taken for a request";
}

TEST(Dps, DoesNotKnowAnotherScopeOperationOrRegistration) {
  const RunningLizard lizard;
  Provisioning dps(lizard, "d1");
  EXPECT_EQ(dps.look_up().status, 404);
  EXPECT_EQ(dps.poll("5.none").body["errorCode"], 404202);
  dps.use_scope("0ne00000000");
  EXPECT_EQ(dps.put().body["errorCode"], 404201);
}

TEST(Dps, ThrottlesWhoPollsMoreThanFiveTimesInTenSeconds) {
  const RunningLizard lizard({"--assigning-polls", "100"});
  Provisioning dps(lizard, "d1");
  const std::string operation = dps.put().body["operationId"];
  for (int i = 0; i < 5; ++i) EXPECT_EQ(dps.poll(operation).status, 202);
  const Answer sixth = dps.poll(operation);
  EXPECT_EQ(sixth.status, 429);
  EXPECT_EQ(sixth.body["errorCode"], 429001);
  EXPECT_GT(std::stoi(sixth.retry_after), 0);
}

TEST(Dps, ThrottlesEverybodyUntilItIsToldToStop) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  lizard.ask({"throttle", "--retry-after", "12"});
  Provisioning dps(lizard, "d1");
  const Answer throttled = dps.put();
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.retry_after, "12");
  EXPECT_EQ(lizard.ask({"status"})["dps"]["state"], "throttled");
  lizard.ask({"throttle", "--off"});
  EXPECT_EQ(dps.put().status, 200);
  lizard.ask({"throttle", "--for", "1"});
  EXPECT_EQ(dps.put().status, 429);
  EXPECT_TRUE(eventually([&] { return dps.put().status == 200; }));
}

TEST(Dps, NamesALivingHubWhileTheAssignedOneIsDeadAndLeavesTheDeviceThere) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  Provisioning dps(lizard, "d1");
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-a"));
  lizard.ask({"attack", "hub-a", "--how", "kill"});
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-b"));
  lizard.ask({"revive", "hub-a"});
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-b"));
  lizard.ask({"attack", "hub-a"});
  lizard.ask({"attack", "hub-b"});
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-b")) << "with no living hub the assigned one is named";
}

TEST(Dps, GoesOnNamingADeadHubWithoutAutomaticFailover) {
  const RunningLizard lizard({"--assigning-polls", "0", "--no-auto-failover"});
  lizard.ask({"attack", "hub-a"});
  EXPECT_EQ(Provisioning(lizard, "d1").register_device(), lizard.hub_address("hub-a"));
}

TEST(Dps, SaysDisabledWithAnHttpStatusOf200) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  Provisioning dps(lizard, "d1");
  dps.register_device();
  lizard.ask({"disable", "d1"});
  const Answer disabled = dps.put();
  EXPECT_EQ(disabled.status, 200);
  EXPECT_EQ(disabled.body["status"], "disabled");
  lizard.ask({"enable", "d1"});
  EXPECT_EQ(dps.put().body["status"], "assigned");
}

TEST(Dps, IsRefusedSilentOrUnavailableWhenItIsAttacked) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  Provisioning dps(lizard, "d1");
  EXPECT_EQ(dps.put().status, 200);

  lizard.ask({"attack", "dps", "--how", "refuse"});
  EXPECT_EQ(dps.put().status, 503);
  lizard.ask({"revive", "dps"});
  EXPECT_EQ(dps.put().status, 200);

  lizard.ask({"attack", "dps", "--how", "kill"});
  const auto before_refusal = std::chrono::steady_clock::now();
  EXPECT_EQ(dps.put().status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before_refusal, std::chrono::milliseconds(1500))
      << "refused, not silent";
  lizard.ask({"revive", "dps"});
  EXPECT_EQ(dps.put().status, 200);

  lizard.ask({"attack", "dps", "--how", "unplug"});
  const auto before_silence = std::chrono::steady_clock::now();
  EXPECT_EQ(dps.put().status, 0);
  EXPECT_GE(std::chrono::steady_clock::now() - before_silence, std::chrono::milliseconds(1900))
      << "silent, not refused";
  lizard.ask({"revive", "all"});
  EXPECT_EQ(dps.put().status, 200);
}

TEST(Dps, TakesAnIndividualEnrolmentWithItsOwnKey) {
  const core::Secret key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  const RunningLizard lizard({"--assigning-polls", "0", "--device-key", "d1=" + key.reveal()});
  Provisioning dps(lizard, "d1");
  EXPECT_EQ(dps.put().status, 401) << "the group's key is not this device's";
  dps.use_key(key);
  EXPECT_EQ(dps.put().status, 200);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
