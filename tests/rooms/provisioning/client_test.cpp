#include "attempts.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <set>

namespace iotc_ha::provisioning {
namespace {

using core::AttemptId;
using core::Fault;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Clock = std::chrono::steady_clock;

TEST_F(Provisioning, RegistersAndPollsUntilDpsHasDecided) {
  DpsServer& dps = serve({assigning("op/1"), assigned("hub-a.example")});
  const auto begin = Clock::now();
  client_->register_device(AttemptId{7}, registration(dps.port()));
  const auto answer = next_answer();
  ASSERT_TRUE(answer && answer->assignment) << answer->assignment.error().what;
  EXPECT_EQ(answer->attempt, AttemptId{7});
  EXPECT_EQ(*answer->assignment, (core::Assignment{"hub-a.example", "Dev-1"}));
  EXPECT_EQ(answer->substatus, "initialAssignment");
  EXPECT_GE(Clock::now() - begin, 2s) << "DPS had asked to wait for 2 s";

  const auto heard = dps.heard();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0].method, "PUT");
  EXPECT_EQ(heard[0].target, "/0ne00ABCDEF/registrations/dev-1/register?api-version=2021-06-01");
  EXPECT_EQ(heard[0].body, R"({"registrationId":"dev-1","payload":{"modelId":"dtmi:Sample:Failover;1"}})");
  EXPECT_EQ(heard[0].headers.at("Authorization"), "SharedAccessSignature sr=x&sig=SECRET&se=1");
  EXPECT_EQ(heard[0].headers.at("Content-Type"), "application/json");
  EXPECT_EQ(heard[0].headers.at("User-Agent"), "iotc-ha/" IOTC_HA_VERSION);
  EXPECT_EQ(heard[1].method, "GET");
  EXPECT_EQ(heard[1].target, "/0ne00ABCDEF/registrations/dev-1/operations/op%2F1?api-version=2021-06-01");
  EXPECT_EQ(heard[1].headers.at("Authorization"), "SharedAccessSignature sr=x&sig=SECRET&se=1");
  EXPECT_EQ(heard[1].body, "");
}

TEST_F(Provisioning, OneConnectionServesRegisterPollsAndTheNextAttempt) {
  DpsServer& dps = serve({assigning("op-1"), assigned("hub-a"), assigned("hub-b")});
  ASSERT_TRUE(ask(registration(dps.port())));
  EXPECT_EQ(ask(registration(dps.port()))->hub, "hub-b");
  std::set<int> connections;
  for (const Heard& each : dps.heard()) connections.insert(each.connection);
  EXPECT_EQ(dps.heard().size(), 3U);
  EXPECT_EQ(connections.size(), 1U);
}

TEST_F(Provisioning, ANewConnectionResumesTheTlsSessionOfTheOneBefore) {
  Says last = assigned("hub-a");
  last.headers["Connection"] = "close";
  DpsServer& dps = serve({last});
  ASSERT_TRUE(ask(registration(dps.port())));
  ASSERT_TRUE(ask(registration(dps.port())));
  EXPECT_EQ(dps.connections(), 2U);
  EXPECT_EQ(dps.resumed(), 1U);
}

TEST_F(Provisioning, AKeptConnectionThatHasFallenSilentIsReplaced) {
  DpsServer& dps = serve({assigned("hub-a"), {200, "", {}, true}, assigned("hub-b")});
  ASSERT_TRUE(ask(registration(dps.port())));
  const auto second = ask(registration(dps.port()));
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_EQ(second->hub, "hub-b");
  const auto heard = dps.heard();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[1].connection, heard[0].connection);
  EXPECT_NE(heard[2].connection, heard[1].connection);
  EXPECT_EQ(told_, (Told{{AttemptId{1}, "sent"}, {AttemptId{2}, "sent"}, {AttemptId{2}, "sent"}}))
      << "DPS has heard the second register twice";
}

TEST_F(Provisioning, AThrottledOrUnavailablePollIsRepeatedAtThePaceThatDpsAsksFor) {
  DpsServer& dps = serve({assigning("op-1"),
                          {429, R"({"errorCode":429001,"message":"throttled"})", {{"Retry-After", "2"}}},
                          {503, "<html>busy</html>", {{"Retry-After", "3"}}},
                          assigned("hub-a")});
  const auto begin = Clock::now();
  const auto result = ask(registration(dps.port()));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->hub, "hub-a");
  EXPECT_GE(Clock::now() - begin, 7s);
  EXPECT_EQ(dps.heard().size(), 4U);
  EXPECT_EQ(dps.heard().back().method, "GET");
}

TEST_F(Provisioning, AThrottledRegisterIsAnAnswerWithTheWaitThatDpsAskedFor) {
  const auto error = error_of({{429, R"({"errorCode":429001,"message":"throttled"})", {{"Retry-After", "17"}}}});
  EXPECT_EQ(error.fault, Fault::DpsThrottled);
  EXPECT_EQ(error.retry_after, 17s);
}

TEST_F(Provisioning, APollThatIsThrottledBeyondTheLimitEndsAtOnceWithWhatDpsSaid) {
  const auto error = error_of(
      {assigning("op-1"), {429, R"({"errorCode":429001,"message":"slow down"})", {{"Retry-After", "600"}}}}, 500s);
  EXPECT_EQ(error.fault, Fault::DpsThrottled);
  EXPECT_EQ(error.retry_after, 600s);
}

TEST_F(Provisioning, APollOfAnOperationThatNeedsAnotherRegisterEndsTheAttempt) {
  const auto after_a_poll = [this](int status, const std::string& body) {
    DpsServer& dps = serve({assigning("op-1"), {status, body}, assigned("hub-a")});
    const auto result = ask(registration(dps.port()));
    EXPECT_EQ(dps.heard().size(), 2U);
    return result ? Fault::Cancelled : result.error().fault;
  };
  EXPECT_EQ(after_a_poll(404, R"({"errorCode":404202,"message":"Operation not found."})"), Fault::DpsConflict);
  EXPECT_EQ(after_a_poll(409, R"({"errorCode":409000,"message":"Conflict"})"), Fault::DpsConflict);
  EXPECT_EQ(after_a_poll(412, R"({"errorCode":412000,"message":"etag"})"), Fault::DpsConflict);
}

TEST_F(Provisioning, EveryOtherRefusalIsAnswered) {
  EXPECT_EQ(error_of({{400, R"({"errorCode":400004,"message":"bad"})"}}).fault, Fault::DpsProtocol);
  EXPECT_EQ(error_of({{403, R"({"errorCode":403000,"message":"IP filter"})"}}).fault, Fault::DpsForbidden);
  EXPECT_EQ(error_of({{404, R"({"errorCode":404201,"message":"Resource not found."})"}}).fault, Fault::DpsNotFound);
  EXPECT_EQ(error_of({{503, ""}}).fault, Fault::DpsUnavailable);
  EXPECT_EQ(error_of({{301, "", {{"Location", "https://127.0.0.1:1/"}}}}).fault, Fault::DpsProtocol);
  EXPECT_EQ(error_of({assigning("op-1"), {200, R"({"operationId":"op-1","status":"disabled"})"}}).fault,
            Fault::DpsDisabled);
}

TEST_F(Provisioning, AWrongKeyIsToldFromAWrongClock) {
  const auto http_date = [](std::chrono::seconds offset) {
    const std::time_t when = std::time(nullptr) + offset.count();
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return std::string(text.data());
  };
  const std::string body = R"({"errorCode":401002,"trackingId":"t-1","message":"Unauthorized"})";
  const auto wrong_key = error_of({{401, body, {{"Date", http_date(60s)}}}});
  EXPECT_EQ(wrong_key.fault, Fault::DpsUnauthorized);
  EXPECT_THAT(wrong_key.what, AllOf(HasSubstr("401002"), Not(HasSubstr("clock"))));
  const auto late = error_of({{401, body, {{"Date", http_date(3h)}}}});
  EXPECT_EQ(late.fault, Fault::ClockWrong);
  EXPECT_THAT(late.what, HasSubstr("this machine's clock is 3 h behind the service's"));
  const auto early = error_of({{401, body, {{"Date", http_date(-10min)}}}});
  EXPECT_EQ(early.fault, Fault::ClockWrong);
  EXPECT_THAT(early.what, HasSubstr("this machine's clock is 10 min ahead of the service's"));
  EXPECT_THAT(early.what, Not(HasSubstr("SECRET")));
}

TEST_F(Provisioning, AnOperationThatIsNotDecidedWithinTheLimitEndsAtOnce) {
  const auto error = error_of({assigning("op-1", "600")}, 500s);
  EXPECT_EQ(error.fault, Fault::TimedOut);
  EXPECT_THAT(error.what, HasSubstr("DPS will not have decided within 500 s"));
  EXPECT_EQ(error.retry_after, 600s) << "the pause that DPS wants holds also for the next attempt";
}

TEST_F(Provisioning, AnAnswerThatIsNoneOrTooLargeIsRefused) {
  EXPECT_EQ(error_of({{200, "{\"status\":"}}).fault, Fault::DpsProtocol);
  EXPECT_EQ(error_of({{200, "<html>captive portal</html>"}}).fault, Fault::DpsProtocol);
  const auto error = error_of({{200, std::string(64 * 1024 + 1, ' ')}});
  EXPECT_EQ(error.fault, Fault::DpsProtocol);
  EXPECT_THAT(error.what, HasSubstr("larger than 64 KiB"));
}

TEST_F(Provisioning, AServerThatNeverAnswersEndsAtTheLimit) {
  const PlainListener silent(PlainListener::Manner::Silent);
  const auto result = ask(registration(silent.port(), 1500ms));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::TimedOut);
}

TEST_F(Provisioning, APortWithoutAServerIsUnreachable) {
  std::uint16_t port = 0;
  { port = PlainListener(PlainListener::Manner::Silent).port(); }
  const auto result = ask(registration(port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::Unreachable);
  EXPECT_THAT(told_, testing::IsEmpty()) << "no register has gone out";
  EXPECT_THAT(result.error().what, HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST_F(Provisioning, ANameWithoutAnAddressIsNotResolved) {
  core::Registration unknown = registration(443, 10s);
  unknown.host = "no-such-host.invalid";
  const auto result = ask(unknown);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::NameNotResolved) << result.error().what;
}

TEST_F(Provisioning, AHandshakeThatTheNetworkCutsOffIsALostConnectionAndNoTlsRefusal) {
  const PlainListener resets(PlainListener::Manner::Resets);
  const auto result = ask(registration(resets.port()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::ConnectionLost) << result.error().what;
}

TEST_F(Provisioning, ACertificateOfAnotherAuthorityIsRefused) {
  const Authority other("another CA");
  const DpsServer& dps = serve({assigned("hub-a")}, other.issue("IP:127.0.0.1"));
  const auto result = ask(registration(dps.port()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::TlsRefused) << result.error().what;
  EXPECT_THAT(told_, testing::IsEmpty()) << "no register has gone out";
  EXPECT_TRUE(dps.heard().empty()) << "the token must not reach a server that is not trusted";
}

TEST_F(Provisioning, ACertificateForAnotherNameIsRefused) {
  const DpsServer& dps = serve({assigned("hub-a")}, authority().issue("DNS:dps.example,IP:127.0.0.2"));
  const auto result = ask(registration(dps.port()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::TlsRefused) << result.error().what;
  EXPECT_TRUE(dps.heard().empty());
}

/// Variables of the environment for as long as it lives. No client runs while they change.
class Environment {
 public:
  Environment(std::vector<std::string> names, const std::string& value) : names_(std::move(names)) {
    for (const auto& name : names_) setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~Environment() {
    for (const auto& name : names_) unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::string> names_;
};

TEST_F(Provisioning, TheEnvironmentsProxiesAreNeverUsed) {
  client_.reset();
  const Environment environment({"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"},
                                "http://127.0.0.1:1");
  start_client();
  DpsServer& dps = serve({assigned("hub-a")});
  const auto result = ask(registration(dps.port()));
  EXPECT_TRUE(result) << result.error().what;
  client_.reset();
}

TEST_F(Provisioning, OurProxyIsUsedWhateverTheEnvironmentSaysAndNeverSeesTheToken) {
  client_.reset();
  const Environment environment({"no_proxy", "NO_PROXY"}, "*");
  start_client();
  const PlainListener proxy(PlainListener::Manner::Refuses);
  core::Registration by_proxy = registration(443);
  by_proxy.host = "dps.example";
  by_proxy.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  const auto result = ask(by_proxy);
  client_.reset();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::Unreachable) << result.error().what;
  EXPECT_THAT(result.error().what, AllOf(HasSubstr("407"), HasSubstr(by_proxy.proxy)));
  EXPECT_THAT(proxy.heard(), AllOf(testing::StartsWith("CONNECT dps.example:443 "), Not(HasSubstr("SECRET"))));
}

TEST_F(Provisioning, TheProxyMayWantAPasswordWhichNoErrorTells) {
  const PlainListener proxy(PlainListener::Manner::Refuses);
  core::Registration by_proxy = registration(443);
  by_proxy.host = "dps.example";
  by_proxy.proxy = "http://user:p%40ss@127.0.0.1:" + std::to_string(proxy.port());
  const auto refused = ask(by_proxy);
  ASSERT_FALSE(refused);
  EXPECT_THAT(proxy.heard(), HasSubstr("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
  EXPECT_THAT(refused.error().what, AllOf(HasSubstr("by http://127.0.0.1:"), Not(HasSubstr("p%40ss"))));

  by_proxy.proxy = "http://user:p%40ss@no port:x";
  const auto unreadable = ask(by_proxy);
  ASSERT_FALSE(unreadable);
  EXPECT_THAT(unreadable.error().what, Not(HasSubstr("p%40ss")));
}

TEST_F(Provisioning, ACancelledAttemptHasNoAnswerAndMakesWayAtOnce) {
  DpsServer& dps = serve({assigning("op-1", "600"), assigned("hub-a")});
  client_->register_device(AttemptId{1}, registration(dps.port(), 1000s));
  ASSERT_TRUE(dps.wait_for_requests(1));
  client_->cancel(AttemptId{1});
  client_->register_device(AttemptId{2}, registration(dps.port()));
  const auto answer = next_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->attempt, AttemptId{2});
  EXPECT_TRUE(answer->assignment);
  EXPECT_FALSE(next_answer(300ms));
}

TEST_F(Provisioning, ANewerAttemptReplacesTheOneBefore) {
  DpsServer& dps = serve({assigning("op-1"), assigned("hub-a")});
  client_->register_device(AttemptId{1}, registration(dps.port()));
  ASSERT_TRUE(dps.wait_for_requests(1));
  client_->register_device(AttemptId{2}, registration(dps.port()));
  const auto answer = next_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->attempt, AttemptId{2});
  EXPECT_FALSE(next_answer(2500ms)) << "the first attempt's poll would have come by now";
}

TEST_F(Provisioning, AnAnswerOnItsWayToTheLoopIsNotDeliveredAfterACancel) {
  DpsServer& dps = serve({assigned("hub-a")});
  client_->register_device(AttemptId{1}, registration(dps.port()));
  ASSERT_TRUE(inbox_.next(10s)) << "that the register has gone out";
  const auto on_its_way = inbox_.next(10s);
  ASSERT_TRUE(on_its_way);
  client_->cancel(AttemptId{1});
  (*on_its_way)();
  EXPECT_TRUE(answers_.empty());
}

TEST_F(Provisioning, AnAnswerOnItsWayToTheLoopMayComeAfterTheEndOfTheClient) {
  DpsServer& dps = serve({assigned("hub-a")});
  client_->register_device(AttemptId{1}, registration(dps.port()));
  ASSERT_TRUE(inbox_.next(10s)) << "that the register has gone out";
  const auto on_its_way = inbox_.next(10s);
  ASSERT_TRUE(on_its_way);
  client_.reset();
  (*on_its_way)();
  EXPECT_TRUE(answers_.empty());
}

TEST_F(Provisioning, TheEndNeverWaitsForTheNetwork) {
  const PlainListener silent(PlainListener::Manner::Silent);
  DpsServer& mute = serve({{200, "", {}, true}});
  DpsServer& waiting = serve({assigning("op-1", "600")});
  core::Registration unresolved = registration(443);
  unresolved.host = "no-such-host.invalid";
  for (const core::Registration& each :
       {registration(silent.port()), registration(mute.port()), registration(waiting.port(), 1000s), unresolved}) {
    client_->register_device(AttemptId{++attempts_}, each);
    if (each.port == mute.port()) {
      ASSERT_TRUE(mute.wait_for_requests(1));
    }
    if (each.port == waiting.port()) {
      ASSERT_TRUE(waiting.wait_for_requests(1));
    }
    const auto begin = Clock::now();
    client_.reset();
    EXPECT_LT(Clock::now() - begin, 10s) << each.host << ':' << each.port;
    start_client();
  }
  EXPECT_FALSE(next_answer(100ms));
}

}  // namespace
}  // namespace iotc_ha::provisioning
