#include "../lizard/provisioning.hpp"
#include "../lizard/running_lizard.hpp"
#include "proxy.hpp"
#include "room.hpp"

#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/hub/registrar.hpp>

#include <gmock/gmock.h>
#include <ground/on_its_loop.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

/// DPS over MQTT and over MQTT in a WebSocket, asked of the lizard's.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;
using core::PollThrottled;
using core::Registered;
using core::RegistrationNotice;
using core::RegistrationSent;
using hub::Registrar;
using lizard::test::RunningLizard;
using testing::HasSubstr;

/// A registrar, and what it tells.
class Counter : public ground::OnItsLoop<Registrar, RegistrationNotice> {
 public:
  Counter()
      : OnItsLoop([](runtime::Loop& loop, Take take) { return std::make_unique<Registrar>(loop, std::move(take)); }) {}
};

core::Registration registration_at(const RunningLizard& lizard, Registrar::Transport transport) {
  core::Registration all;
  all.host = lizard.facts()["dps"]["address"];
  all.port = 8883;
  if (transport == Registrar::Transport::WebSocket) all.port = lizard.facts()["dps"]["port"].get<std::uint16_t>();
  all.id_scope = lizard.facts()["id_scope"];
  all.registration_id = "d1";
  all.model_id = "dtmi:Sample:Failover;1";
  const auto expiry =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
  all.token = azure::dps_token(lizard::test::key_of(lizard, "d1"), all.id_scope, "d1", expiry).value();
  all.timeout = 60s;
  all.early_poll = true;
  all.ca_file = lizard.facts()["ca_file"];
  return all;
}

/// Beside the time that DPS asks to wait.
constexpr auto k_patience = 40s;

/// The error of one attempt, and that nothing else came.
core::Error error_of(const core::Registration& registration, Registrar::Transport transport) {
  Counter counter;
  counter.run([&](Registrar& registrar) { registrar.register_device(AttemptId{1}, registration, transport); });
  const auto end = counter.wait_for<Registered>(k_patience);
  if (!end || end->assignment) return {Fault::Cancelled, "no error", {}};
  return end->assignment.error();
}

constexpr auto k_mqtt = Registrar::Transport::Mqtt;
constexpr auto k_websocket = Registrar::Transport::WebSocket;

TEST(Registering, IsSentPolledAndDecidedOverMqttAndOverAWebSocket) {
  const RunningLizard lizard;
  for (const auto transport : {k_mqtt, k_websocket}) {
    Counter counter;
    counter.run([&](Registrar& registrar) {
      registrar.register_device(AttemptId{7}, registration_at(lizard, transport), transport);
    });
    const auto sent = counter.wait_for<RegistrationSent>(k_soon);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->attempt, AttemptId{7});
    const auto end = counter.wait_for<Registered>(k_patience);
    ASSERT_TRUE(end);
    ASSERT_TRUE(end->assignment) << end->assignment.error().what;
    EXPECT_EQ(end->attempt, AttemptId{7});
    EXPECT_EQ(*end->assignment, (core::Assignment{lizard.hub_address("hub-a"), "d1"}));
    EXPECT_FALSE(end->substatus.empty());
    EXPECT_EQ(counter.left().size(), 0U) << "one register, one end";
  }
  const auto dps = lizard.ask({"status"})["dps"];
  EXPECT_EQ(dps["registrations"], 2);
  EXPECT_EQ(dps["polls"], 2);
  EXPECT_EQ(lizard.device("d1")["model_id"], "dtmi:Sample:Failover;1");
}

TEST(Registering, AsksTheProxyForTheWay) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  // The proxy of these tests knows one address, that of the hubs of this room.
  Proxy proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  core::Registration registration = registration_at(lizard, k_mqtt);
  registration.proxy = "http://" + own_address() + ':' + std::to_string(proxy.port());
  const core::Error error = error_of(registration, k_mqtt);
  EXPECT_EQ(error.fault, Fault::Unreachable);
  EXPECT_THAT(error.what, HasSubstr("407"));
  EXPECT_EQ(proxy.request(), "CONNECT " + registration.host + ":8883 HTTP/1.1");
}

TEST(Registering, ARefusalIsOfDps) {
  const RunningLizard lizard({"--assigning-polls", "0"});
  for (const auto transport : {k_mqtt, k_websocket}) {
    core::Registration strange = registration_at(lizard, transport);
    strange.token = core::Secret("SharedAccessSignature sr=x&sig=y&se=1&skn=registration");
    const core::Error error = error_of(strange, transport);
    EXPECT_EQ(error.fault, Fault::DpsUnauthorized) << error.what;
    EXPECT_THAT(error.what, HasSubstr("CONNACK 5"));
  }
  lizard.ask({"attack", "dps", "--how", "refuse"});
  const core::Error error = error_of(registration_at(lizard, k_mqtt), k_mqtt);
  EXPECT_EQ(error.fault, Fault::DpsUnavailable) << error.what;
  lizard.ask({"revive", "dps"});
  lizard.ask({"throttle", "--retry-after", "12"});
  const core::Error throttled = error_of(registration_at(lizard, k_mqtt), k_mqtt);
  EXPECT_EQ(throttled.fault, Fault::DpsThrottled) << throttled.what;
  EXPECT_EQ(throttled.retry_after, 12s);
  lizard.ask({"throttle", "--off"});
}

TEST(Registering, AThrottledPollIsToldAndAskedAgain) {
  const RunningLizard lizard({"--retry-after", "5"});
  core::Registration registration = registration_at(lizard, k_mqtt);
  registration.early_poll = false;
  Counter counter;
  counter.run([&](Registrar& registrar) { registrar.register_device(AttemptId{1}, registration, k_mqtt); });
  ASSERT_TRUE(counter.wait_for<RegistrationSent>(k_soon));
  ASSERT_TRUE(lizard::test::eventually([&] { return lizard.ask({"status"})["dps"]["registrations"] == 1; }));
  lizard.ask({"throttle", "--retry-after", "2"});  // 5 s are left before the poll
  ASSERT_TRUE(counter.wait_for<PollThrottled>(k_patience));
  lizard.ask({"throttle", "--off"});
  const auto end = counter.wait_for<Registered>(k_patience);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->assignment) << end->assignment.error().what;
}

TEST(Registering, NothingIsToldOfAnAttemptThatWasCancelledOrReplaced) {
  const RunningLizard lizard({"--retry-after", "3600"});
  const core::Registration registration = registration_at(lizard, k_mqtt);
  core::Registration waiting = registration;
  waiting.early_poll = false;
  waiting.timeout = 2h;
  Counter counter;
  counter.run([&](Registrar& registrar) { registrar.register_device(AttemptId{1}, waiting, k_mqtt); });
  ASSERT_TRUE(counter.wait_for<RegistrationSent>(k_soon));
  counter.run([&](Registrar& registrar) {
    registrar.cancel(AttemptId{1});
    registrar.register_device(AttemptId{2}, waiting, k_websocket);  // to a port that speaks no HTTP
    registrar.register_device(AttemptId{3}, registration, k_mqtt);
  });
  const auto end = counter.wait_for<Registered>(k_patience);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->attempt, AttemptId{3});
  ASSERT_TRUE(end->assignment) << end->assignment.error().what;
  if (const auto sent = counter.wait_for<RegistrationSent>(0ms)) {
    EXPECT_EQ(sent->attempt, AttemptId{3});
  }
  EXPECT_EQ(counter.left().size(), 0U);
}

TEST(Registering, ADecisionThatWouldComeTooLateIsNotWaitedFor) {
  const RunningLizard lizard({"--retry-after", "3600"});
  core::Registration registration = registration_at(lizard, k_mqtt);
  registration.early_poll = false;
  const core::Error error = error_of(registration, k_mqtt);
  EXPECT_EQ(error.fault, Fault::TimedOut) << error.what;
  EXPECT_EQ(error.retry_after, 1h);
}

TEST(Registering, ADpsThatSaysNothingTimesOut) {
  ScriptedPeer silent([](Dialogue& device) { device.wait_until_gone(); });
  core::Registration registration;
  registration.host = own_address();
  registration.port = silent.port();
  registration.timeout = 1200ms;
  for (const auto transport : {k_mqtt, k_websocket}) {
    const core::Error error = error_of(registration, transport);
    EXPECT_EQ(error.fault, Fault::TimedOut) << error.what;
  }
}

}  // namespace
}  // namespace iotc_ha::hub_test
