#include "caller.hpp"
#include "watch_peer.hpp"

#include <gmock/gmock.h>
#include <sysexits.h>

#include <csignal>

namespace iotc_ha::cli {
namespace {

using bus::Caller;
using bus::Service;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;

/// What can go wrong around `iotc-hactl watch`.
class WatchTroubleTest : public WatchTest {
 protected:
  void refuse(core::Fault fault, std::size_t times) {
    served_->on_loop([&](Service& /*service*/) {
      served_->desk.refusal = core::Error{fault, "the reason", {}};
      served_->desk.refusals_left = times;
    });
  }
  void start_daemon_again() {
    served_.reset();
    served_.emplace(bus_.address());
  }
  /// Reads lines up to one that ends like this.
  bool await_line(const std::string& end) {
    while (const auto line = watch_->line()) {
      if (line->ends_with(end)) return true;
    }
    return false;
  }
};

TEST_F(WatchTroubleTest, NobodyButTheDaemonIsBelieved) {
  watch({"--property", "target", "--command", "reset", "--exec", "true"});
  std::string name;
  served_->on_loop([&](Service& /*service*/) { name = served_->desk.commands.at("reset"); });
  Caller forger(bus_);
  const std::string forged_name = forger.unique_name();
  const char* ours = "/io/github/iotc_ha";
  forger.emit_to(name, ours, "io.github.iotc_ha.Commands1", "Invoked", "tsssb", std::uint64_t{6}, "reset", "",
                 "\"forged\"", 0);
  forger.emit_to(name, ours, "io.github.iotc_ha.Twin1", "DesiredChanged", "st", R"({"target":"forged"})",
                 std::uint64_t{6});
  forger.emit_to(name, ours, "io.github.iotc_ha.Telemetry1", "MessagesDropped", "tts", std::uint64_t{1},
                 std::uint64_t{2}, "forged");
  forger.emit_to(name, ours, "io.github.iotc_ha.Agent1", "FailedOver", "sst", "forged", "forged", std::uint64_t{1});
  forger.emit_to(name, ours, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                 "io.github.iotc_ha.Agent1", 1, "State", "s", "forged", 0);
  forger.emit_to(name, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", "io.github.iotc_ha",
                 "", forged_name.c_str());
  ASSERT_EQ(forger.call("GetAccount", "").error, "") << "the bus has what was sent before";
  invoke("reset", {5, "reset", "", "[1]", false});
  EXPECT_THAT(line(), EndsWith("  command reset: [1] -> 200 null"));
  tell_desired("target", R"({"target":1})", 7);
  EXPECT_THAT(line(), EndsWith("  property target (version 7): 1 -> 200 1"));
  EXPECT_THAT(completed(), SizeIs(1));
  EXPECT_THAT(acknowledged(), SizeIs(1));
}

TEST_F(WatchTroubleTest, AnAnswerThatTheDaemonFindsBadIsReplacedByOneThatSaysWhy) {
  const std::string file = program("echo '\"bad\"'");
  watch({"--property", "target", "--command", "reset", "--exec", file});
  for (const auto& [fault, name] : {std::pair{core::Fault::InvalidPayload, "InvalidPayload"},
                                    std::pair{core::Fault::PayloadTooLarge, "PayloadTooLarge"}}) {
    const std::string reason = file + " printed what the daemon refuses: " + name + ": the reason";
    refuse(fault, 1);
    invoke("reset", {5, "reset", "", "null", false});
    EXPECT_THAT(line(), EndsWith("-> 500 {\"error\":\"" + reason + "\"}"));
    EXPECT_EQ(completed().back().status, 500);
    EXPECT_EQ(Json::parse(completed().back().payload)["error"], reason);
    refuse(fault, 1);
    tell_desired("target", R"({"target":21.50})", 7);
    EXPECT_THAT(line(), EndsWith("-> 500 " + reason));
    EXPECT_EQ(acknowledged().back(), (azure::Acknowledgement{"target", "21.50", 500, 7, reason}));
  }
  EXPECT_THAT(completed(), SizeIs(4));
  EXPECT_THAT(acknowledged(), SizeIs(4));
}

TEST_F(WatchTroubleTest, AnAnswerThatIsBadAlsoTheSecondTimeIsToldAsRefused) {
  watch({"--command", "reset", "--exec", "true"});
  refuse(core::Fault::InvalidPayload, 2);
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith(", which was refused"));
  EXPECT_THAT(completed(), SizeIs(2));
}

TEST_F(WatchTroubleTest, WhatTheDaemonCannotTakeForAMomentIsGivenAgain) {
  watch({"--property", "target", "--command", "reset", "--exec", "true"});
  for (const core::Fault fault : {core::Fault::Busy, core::Fault::StorageFailed}) {
    refuse(fault, 2);
    invoke("reset", {5, "reset", "", "null", true});
    EXPECT_THAT(line(), EndsWith("-> 200 null"));
    refuse(fault, 2);
    tell_desired("target", R"({"target":1})", 7);
    EXPECT_THAT(line(), EndsWith("-> 200 1"));
  }
  EXPECT_THAT(completed(), SizeIs(6));
  EXPECT_THAT(acknowledged(), SizeIs(6));
}

TEST_F(WatchTroubleTest, ADaemonThatIsBusyForLongDelaysTheNextAnswerForAMomentOnly) {
  watch({"--command", "reset", "--exec", "true"});
  refuse(core::Fault::Busy, SIZE_MAX);
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith(", which was refused"));
  refuse(core::Fault::Busy, 0);
  invoke("reset", {6, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith("-> 200 null"));
}

TEST_F(WatchTroubleTest, WhatOneOfUsHasToldItsProgramDoesNotReachTheNextOne) {
  const std::string environment = folder_ + "/environment";
  watch_by({"env", "IOTC_HA_KIND=command", "IOTC_HA_DURABLE=1", "IOTC_HA_OTHER=1"},
           {"--property", "target", "--exec", program("env | grep ^IOTC_HA_ | sort > " + environment)});
  tell_desired("target", R"({"target":1})", 7);
  line();
  EXPECT_EQ(bus::read_file(environment),
            "IOTC_HA_COMPONENT=\nIOTC_HA_KIND=property\nIOTC_HA_NAME=target\nIOTC_HA_VERSION=7\n");
}

TEST_F(WatchTroubleTest, AProgramsEndIsSeenAlsoWhereSomebodyIgnoredTheEndsOfChildren) {
  watch_by({"env", "--ignore-signal=CHLD"}, {"--command", "reset", "--exec", program("exit 3")});
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), HasSubstr("exited with status 3"));
}

TEST_F(WatchTroubleTest, ADaemonThatIsGoneAgainBeforeItAnswersIsFollowedFurther) {
  watch({"--command", "reset", "--exec", "true"});
  served_.reset();
  for (int i = 0; i < 10; ++i) {
    Caller passing(bus_);
    passing.own("io.github.iotc_ha");
  }
  served_.emplace(bus_.address());
  served_->on_loop([](Service& service) { service.publish(bus::example_status()); });
  ASSERT_TRUE(await_line("  Connected: the hub answers"));
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_TRUE(await_line("-> 200 null"));
}

/// Another program was faster when the daemon was started again.
class RivalTest : public WatchTroubleTest {
 protected:
  /// Returns when the watch has found that `rival_` has the name of its command.
  void lose_the_race() {
    watch({"--property", "target", "--command", "reset"});
    watch_->signal(SIGSTOP);
    start_daemon_again();
    rival_.emplace(bus_, "Commands1");
    ASSERT_EQ(rival_->claim({"reset"}).error, "");
    watch_->signal(SIGCONT);
    ASSERT_TRUE(await_line("  : "));  // the state comes after the claim
  }

  std::optional<Caller> rival_;
};

TEST_F(RivalTest, AClaimThatAnotherProgramForestalledIsMadeWhenThatLeaves) {
  lose_the_race();
  const core::Caller rival = rival_->unique_name();
  rival_.reset();
  ASSERT_TRUE(bus::eventually([&] {
    bool has_claimed = false;
    served_->on_loop([&](Service& /*service*/) {
      const auto owned = served_->desk.commands.find("reset");
      has_claimed = owned != served_->desk.commands.end() && owned->second != rival;
    });
    return has_claimed;
  }));
  invoke("reset", {5, "reset", "", "null", false});
  EXPECT_THAT(line(), EndsWith("  command reset: null"));
}

TEST_F(RivalTest, WhenThatStaysItIsTold) {
  lose_the_race();
  const auto end = watch_->end();
  EXPECT_EQ(end.status, EX_TEMPFAIL);
  EXPECT_EQ(end.errors, "iotc-hactl: another program has \"reset\"\n");
}

}  // namespace
}  // namespace iotc_ha::cli
