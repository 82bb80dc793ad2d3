#include "watch_peer.hpp"

#include <gmock/gmock.h>
#include <sysexits.h>

#include <csignal>

namespace iotc_ha::cli {
namespace {

using bus::Service;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(WatchTest, EachThingThatHappensIsALineAndTheCountEndsIt) {
  watch({"--count", "4"});
  served_->on_loop([](Service& service) {
    core::Status status = bus::example_status();
    status.attempts = 9;
    service.publish(status);  // no line: the state is the same
    status.state = "Backoff";
    status.state_reason = "trying again in 3 s";
    service.publish(status);
    service.failed_over("hub-a", "hub-b", std::chrono::milliseconds{2'300});
    service.messages_dropped({3, 9, 7, core::Loss::Expired});
  });
  EXPECT_THAT(line(), EndsWith("  Backoff: trying again in 3 s"));
  EXPECT_THAT(line(), EndsWith("  failed over from hub-a to hub-b in 2.3 s"));
  EXPECT_THAT(line(), EndsWith("  messages are lost, between 3 and 9: expired"));
  EXPECT_EQ(watch_->end().status, 0);
}

TEST_F(WatchTest, JsonLinesHaveAllThatIsTold) {
  watch({"--json", "--property", "target", "--command", "reboot"});
  served_->on_loop([&](Service& service) {
    core::Status status = bus::example_status();
    status.state = "Backoff";
    service.publish(status);
    service.failed_over("hub-a", "hub-b", std::chrono::milliseconds{2'300});
    service.messages_dropped({3, 9, 7, core::Loss::Full});
  });
  tell_desired("target", R"({"target":21.50})", 7);
  invoke("reboot", {1ULL << 62U, "reboot", "", R"({"delay":1})", true});
  const auto next = [&] {
    Json object = json();
    EXPECT_GT(object["when"].get<std::uint64_t>(), 1'700'000'000'000'000U);
    object.erase("when");
    return object;
  };
  EXPECT_EQ(next(), Json::parse(R"({"event":"state","state":"Backoff","reason":"the hub answers",
      "since":1700000000000001,"hub":"hub-b.azure-devices.net"})"));
  EXPECT_EQ(next(), Json::parse(R"({"event":"failed_over","from":"hub-a","to":"hub-b","duration":2300000})"));
  EXPECT_EQ(next(), Json::parse(R"({"event":"messages_dropped","first":3,"last":9,"reason":"full"})"));
  EXPECT_EQ(next(), Json::parse(R"({"event":"property","name":"target","component":"","version":7,"value":21.50})"));
  EXPECT_EQ(next(), Json::parse(R"({"event":"command","id":4611686018427387904,"name":"reboot","component":"",
      "durable":true,"payload":{"delay":1}})"));
}

TEST_F(WatchTest, WithoutAProgramWhatIsClaimedIsShownAndNotAnswered) {
  watch({"--property", "target", "--property", "thermostat*target", "--command", "thermostat*reset"});
  tell_desired("target", R"({"target":1.10,"thermostat":{"target":null}})", 7);
  EXPECT_THAT(line(), EndsWith("  property target (version 7): 1.10"));
  EXPECT_THAT(line(), EndsWith("  property thermostat*target (version 7): null"));
  invoke("thermostat*reset", {5, "reset", "thermostat", "null", true});
  EXPECT_THAT(line(), EndsWith("  durable command thermostat*reset: null"));
  EXPECT_THAT(acknowledged(), SizeIs(0));
  EXPECT_THAT(completed(), SizeIs(0));
}

TEST_F(WatchTest, WhatTheProgramPrintsIsTheAnswerAndItKnowsWhatItIsFor) {
  const std::string environment = folder_ + "/environment";
  watch({"--property", "thermostat*target", "--command", "reset", "--exec",
         program("env | grep ^IOTC_HA_ | sort > " + environment + "; printf '{\"got\": %s}\\n' \"$(cat)\"")});
  tell_desired("thermostat*target", R"({"thermostat":{"__t":"c","target":21.50}})", 7);
  EXPECT_THAT(line(), EndsWith("  property thermostat*target (version 7): 21.50 -> 200 {\"got\":21.50}"));
  EXPECT_THAT(acknowledged(), ElementsAre(azure::Acknowledgement{"thermostat*target", R"({"got":21.50})", 200, 7, ""}));
  EXPECT_EQ(bus::read_file(environment),
            "IOTC_HA_COMPONENT=thermostat\nIOTC_HA_KIND=property\nIOTC_HA_NAME=target\nIOTC_HA_VERSION=7\n");
  invoke("reset", {5, "reset", "", "[1]", false});
  EXPECT_THAT(line(), EndsWith("  command reset: [1] -> 200 {\"got\":[1]}"));
  ASSERT_THAT(completed(), SizeIs(1));
  EXPECT_EQ(completed()[0].id, 5U);
  EXPECT_EQ(completed()[0].status, 200);
  EXPECT_EQ(completed()[0].payload, R"({"got":[1]})");
  EXPECT_EQ(bus::read_file(environment),
            "IOTC_HA_COMPONENT=\nIOTC_HA_DURABLE=0\nIOTC_HA_KIND=command\nIOTC_HA_NAME=reset\n");
}

TEST_F(WatchTest, AProgramThatPrintsNothingHasTakenTheValueOrAnswersNull) {
  watch({"--property", "target", "--command", "reset", "--exec", "true"});
  tell_desired("target", R"({"target":21.50})", 7);
  EXPECT_THAT(line(), EndsWith("-> 200 21.50"));
  EXPECT_THAT(acknowledged(), ElementsAre(azure::Acknowledgement{"target", "21.50", 200, 7, ""}));
  invoke("reset", {5, "reset", "", "[1]", false});
  EXPECT_THAT(line(), EndsWith("-> 200 null"));
  EXPECT_EQ(completed().at(0).payload, "null");
}

TEST_F(WatchTest, AProgramThatHasOnlyBegunSaysSoByItsExitStatus) {
  watch({"--property", "target", "--command", "reset", "--exec", program("echo '\"begun\"'; exit 202")});
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith("-> 202 \"begun\""));
  EXPECT_EQ(completed().at(0).status, 202);
  tell_desired("target", R"({"target":1})", 7);
  line();
  EXPECT_THAT(acknowledged(), ElementsAre(azure::Acknowledgement{"target", "\"begun\"", 202, 7, ""}));
}

TEST_F(WatchTest, AProgramThatFailsIsAnswered500WithTheReason) {
  const std::string file = program(
      "read -r how; case $how in 1) exit 3;; 2) kill -9 $$;; 3) echo no JSON;; 4) head -c 131073 /dev/zero;; "
      "5) printf '\"\\357\\277\\276\"';; esac");
  watch({"--property", "target", "--command", "reset", "--exec", file});
  for (const auto& [how, reason] :
       std::vector<std::pair<std::string, std::string>>{{"1", "exited with status 3"},
                                                        {"2", "was killed by signal 9"},
                                                        {"3", "printed what is not one JSON value"},
                                                        {"4", "printed more than 128 KiB"},
                                                        {"5", "printed a character that D-Bus does not carry"}}) {
    tell_desired("target", "{\"target\":" + how + "}", 7);
    EXPECT_THAT(line(), HasSubstr("-> 500 " + file + " " + reason));
    EXPECT_EQ(acknowledged().back().code, 500);
    EXPECT_EQ(acknowledged().back().json_value, how);
    EXPECT_THAT(acknowledged().back().description, HasSubstr(reason));
    invoke("reset", {5, "reset", "", how, false});
    EXPECT_THAT(line(), HasSubstr("-> 500 "));
    EXPECT_EQ(completed().back().status, 500);
    EXPECT_THAT(Json::parse(completed().back().payload)["error"].get<std::string>(), HasSubstr(reason));
  }
}

TEST_F(WatchTest, AProgramThatIsLateIsKilledWithItsChildrenAndAnswered504) {
  const std::string file = program("echo $$ > " + folder_ + "/pid; sleep 1000");
  watch({"--command", "reset", "--exec", file, "--timeout", "1"});
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), HasSubstr("-> 504 {\"error\":\"" + file + " was not done in 1.0 s\"}"));
  EXPECT_EQ(completed().at(0).status, 504);
  const int group = std::stoi(bus::read_file(folder_ + "/pid"));
  EXPECT_TRUE(bus::eventually([&] { return kill(-group, 0) != 0; }));
}

TEST_F(WatchTest, AProgramMayLeaveWorkBehindThatGoesOn) {
  watch({"--command", "reset", "--exec",
         program("(sleep 0.5; cat > " + folder_ + "/done) </dev/null & echo '\"begun\"'")});
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith("-> 200 \"begun\""));
  EXPECT_TRUE(bus::eventually([&] { return fs::exists(folder_ + "/done"); }));
}

TEST_F(WatchTest, OneProgramRunsAtATimeAndInTheOrderOfTheCalls) {
  const std::string log = folder_ + "/log";
  watch({"--command", "reset", "--exec", program("read -r n; echo b$n >>" + log + "; sleep 0.05; echo e$n >>" + log)});
  for (std::uint64_t i = 1; i <= 5; ++i) invoke("reset", {i, "reset", "", std::to_string(i), false});
  for (int i = 0; i < 5; ++i) line();
  EXPECT_EQ(bus::read_file(log), "b1\ne1\nb2\ne2\nb3\ne3\nb4\ne4\nb5\ne5\n");
  std::vector<std::uint64_t> ids;
  for (const auto& each : completed()) ids.push_back(each.id);
  EXPECT_THAT(ids, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(WatchTest, AnAnswerThatIsRefusedIsToldAndTheNextIsGivenAllTheSame) {
  watch({"--json", "--command", "reset", "--exec", "true"});
  served_->on_loop([&](Service& /*service*/) {
    served_->desk.refusal = core::Error{core::Fault::TimedOut, "its caller waits no longer", {}};
  });
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_EQ(json()["refused"], "TimedOut");
  served_->on_loop([&](Service& /*service*/) { served_->desk.refusal.reset(); });
  invoke("reset", {6, "reset", "", "null", false});
  EXPECT_FALSE(json().contains("refused"));
  watch_->signal(SIGTERM);
  EXPECT_EQ(watch_->end().errors, "iotc-hactl: the answer was refused: TimedOut: its caller waits no longer\n");
}

TEST_F(WatchTest, WhatAnotherProgramHasIsNotTaken) {
  watch({"--command", "reset"});
  const auto end = run({"watch", "--command", "reset"});
  EXPECT_EQ(end.status, EX_TEMPFAIL);
  EXPECT_EQ(end.errors, "iotc-hactl: another program has \"reset\"\n");
}

TEST_F(WatchTest, ASignalEndsItWellAlsoWhileAProgramRuns) {
  for (const int number : {SIGINT, SIGTERM}) {
    watch({});
    watch_->signal(number);
    EXPECT_EQ(watch_->end().status, 0);
  }
  watch({"--command", "reset", "--exec", program("echo $$ > " + folder_ + "/pid; sleep 1000")});
  invoke("reset", {5, "reset", "", "null", false});
  ASSERT_TRUE(bus::eventually([&] { return fs::exists(folder_ + "/pid") && fs::file_size(folder_ + "/pid") > 0; }));
  const int group = std::stoi(bus::read_file(folder_ + "/pid"));
  watch_->signal(SIGINT);
  EXPECT_EQ(watch_->end().status, 0);
  EXPECT_TRUE(bus::eventually([&] { return kill(-group, 0) != 0; }));
  EXPECT_THAT(completed(), SizeIs(0));
}

TEST_F(WatchTest, ADaemonThatIsStartedAgainIsFollowedAndFindsTheClaims) {
  watch({"--command", "reset", "--exec", "true"});
  served_.reset();
  EXPECT_THAT(line(), EndsWith("  the daemon has left the bus"));
  served_.emplace(bus_.address());
  EXPECT_THAT(line(), EndsWith("  : ")) << "the state of one who has published none";
  served_->on_loop([](Service& service) { service.publish(bus::example_status()); });
  EXPECT_THAT(line(), EndsWith("  Connected: the hub answers"));
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith("-> 200 null"));
}

TEST_F(WatchTest, ABusThatEndsEndsItWithStatus69) {
  watch({});
  bus_.kill();
  EXPECT_EQ(watch_->end().status, EX_UNAVAILABLE);
}

}  // namespace
}  // namespace iotc_ha::cli
