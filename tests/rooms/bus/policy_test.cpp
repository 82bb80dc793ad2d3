#include "caller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace iotc_ha::bus {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* k_denied = "Access denied";

/// The rules that are installed, but for others than `whom`.
std::string policy_for(const std::string& others, const std::string& whom) {
  std::string policy = read_file(IOTC_HA_BUS_POLICY);
  const std::size_t at = policy.find(whom);
  if (at == std::string::npos) throw std::runtime_error("the policy does not name the " + whom);
  return policy.replace(at, whom.size(), others);
}
/// For a group that every machine has: "users", which is not that of nobody.
std::string policy_for_users() { return policy_for(R"(group="users")", R"(group="iotc-ha")"); }
std::string policy_for_nobody() { return policy_for(R"(user="nobody")", R"(user="iotc-ha")"); }

/// Those rules on a bus of type system, with root and nobody as callers.
class PolicyTest : public testing::Test {
 public:
  PolicyTest() : bus_(PrivateBus::Kind::System, policy_for_users()) {}

 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can call as somebody else";
    bus_.start();
    served_.emplace(bus_.address());
    ASSERT_THAT(served_->notes(), testing::IsEmpty()) << "root may own the name";
  }

  static std::vector<std::string> call(const std::string& method, const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> words{"call", "io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha.Agent1",
                                   method};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }

  PrivateBus bus_;
  std::optional<Served> served_;
};

const std::vector<std::string> k_set_log_level{
    "set-property", "io.github.iotc_ha", "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel", "s",
    "debug"};

TEST_F(PolicyTest, AnybodyMayReadWhatThereIs) {
  const std::vector<std::string> property{"get-property", "io.github.iotc_ha", "/io/github/iotc_ha",
                                          "io.github.iotc_ha.Agent1", "Version"};
  EXPECT_EQ(bus_.busctl_as_nobody(property).text, R"(s "1.2.3")");
  EXPECT_THAT(bus_.busctl_as_nobody(call("GetHistory", {"u", "1"})).text, StartsWith("a(tsss) 1 "));
  const Output introspected = bus_.busctl_as_nobody({"introspect", "io.github.iotc_ha", "/io/github/iotc_ha"});
  EXPECT_EQ(introspected.status, 0);
  EXPECT_THAT(introspected.text, HasSubstr("ReconnectCount"));
  const Output all =
      bus_.busctl_as_nobody({"call", "io.github.iotc_ha", "/io/github/iotc_ha", "org.freedesktop.DBus.Properties",
                             "GetAll", "s", "io.github.iotc_ha.Agent1"});
  EXPECT_THAT(all.text, StartsWith("a{sv} 16 "));
  EXPECT_EQ(
      bus_.busctl_as_nobody({"call", "io.github.iotc_ha", "/io/github/iotc_ha", "org.freedesktop.DBus.Peer", "Ping"})
          .status,
      0);
}

TEST_F(PolicyTest, WhoIsNotRootMayChangeNothing) {
  EXPECT_THAT(bus_.busctl_as_nobody(call("Reconnect")).text, HasSubstr(k_denied));
  EXPECT_THAT(bus_.busctl_as_nobody(call("Reprovision")).text, HasSubstr(k_denied));
  EXPECT_THAT(bus_.busctl_as_nobody(k_set_log_level).text, HasSubstr(k_denied));
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->reconnects, 0);
    EXPECT_EQ(served_->reprovisions, 0);
  });
}

std::vector<std::string> call_of(const std::string& interface, const std::vector<std::string>& method) {
  std::vector<std::string> words{"call", "io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha." + interface};
  words.insert(words.end(), method.begin(), method.end());
  return words;
}
std::vector<std::string> telemetry(const std::vector<std::string>& method) { return call_of("Telemetry1", method); }
const std::vector<std::string> k_submit = telemetry({"Submit", "sa{sv}", "{}", "0"});
const std::vector<std::string> k_submit_many = telemetry({"SubmitMany", "asa{sv}", "2", "{}", "{}", "0"});
const std::vector<std::string> k_flush = telemetry({"--timeout=10ms", "Flush", "tt", "1", "1"});

TEST_F(PolicyTest, AnybodyMayReadTheFiguresAndTheAccountOfTelemetry) {
  const std::vector<std::string> property{"get-property", "io.github.iotc_ha", "/io/github/iotc_ha",
                                          "io.github.iotc_ha.Telemetry1", "Queued"};
  EXPECT_EQ(bus_.busctl_as_nobody(property).text, "t 0");
  EXPECT_EQ(bus_.busctl_as_nobody(telemetry({"GetAccount"})).text, "aa{st} 0");
}

TEST_F(PolicyTest, WhoIsNotInTheGroupMayHandInNothing) {
  for (const auto& words : {k_submit, k_submit_many, k_flush}) {
    EXPECT_THAT(bus_.busctl_as_nobody(words).text, HasSubstr(k_denied));
  }
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->shelf.last_sequence, 0U);
    EXPECT_THAT(served_->shelf.flushes, testing::IsEmpty());
  });
}

TEST_F(PolicyTest, AMemberOfTheGroupMayHandInTelemetryAndControlNothing) {
  EXPECT_EQ(bus_.busctl_as_nobody(k_submit, "users").text, "t 1");
  EXPECT_EQ(bus_.busctl_as_nobody(k_submit_many, "users").text, "tt 2 3");
  EXPECT_THAT(bus_.busctl_as_nobody(k_flush, "users").text, testing::Not(HasSubstr(k_denied)));
  served_->on_loop([&](Service& /*service*/) { EXPECT_THAT(served_->shelf.flushes, testing::SizeIs(1)); });
  EXPECT_THAT(bus_.busctl_as_nobody(call("Reconnect"), "users").text, HasSubstr(k_denied));
  EXPECT_THAT(bus_.busctl_as_nobody(k_set_log_level, "users").text, HasSubstr(k_denied));
}

const std::vector<std::vector<std::string>> k_for_members{
    call_of("Twin1", {"Report", "s", "{}"}),
    call_of("Twin1", {"Claim", "as", "1", "target"}),
    call_of("Twin1", {"Acknowledge", "ssist", "target", "1", "200", "", "1"}),
    call_of("Commands1", {"Claim", "as", "1", "reboot"}),
    call_of("Commands1", {"Complete", "tis", "1", "200", "null"}),
};

TEST_F(PolicyTest, AnybodyMayReadTheTwin) {
  EXPECT_EQ(bus_.busctl_as_nobody(call_of("Twin1", {"GetReported"})).text, R"(s "{}")");
  EXPECT_EQ(bus_.busctl_as_nobody(call_of("Twin1", {"GetDesired"})).text, R"(st "{}" 0)");
  EXPECT_EQ(bus_.busctl_as_nobody({"get-property", "io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha.Twin1",
                                   "Unacknowledged"})
                .text,
            "as 0");
}

TEST_F(PolicyTest, WhoIsNotInTheGroupMayReportAndClaimAndAnswerNothing) {
  for (const auto& words : k_for_members) EXPECT_THAT(bus_.busctl_as_nobody(words).text, HasSubstr(k_denied));
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_THAT(served_->desk.patches, testing::IsEmpty());
    EXPECT_THAT(served_->desk.left, testing::IsEmpty());
    EXPECT_THAT(served_->desk.acknowledged, testing::IsEmpty());
    EXPECT_THAT(served_->desk.completed, testing::IsEmpty());
  });
}

TEST_F(PolicyTest, AMemberOfTheGroupAndRootMayReportAndClaimAndAnswer) {
  for (const auto& words : k_for_members) {
    const Output by_member = bus_.busctl_as_nobody(words, "users");
    EXPECT_EQ(by_member.status, 0) << by_member.text;
    const Output by_root = bus_.busctl(words);
    EXPECT_EQ(by_root.status, 0) << by_root.text;
  }
}

TEST_F(PolicyTest, RootMayControl) {
  EXPECT_EQ(bus_.busctl(call("Reconnect")).text, "");
  EXPECT_EQ(bus_.busctl(call("Reprovision")).text, "");
  EXPECT_EQ(bus_.busctl(k_set_log_level).text, "");
  EXPECT_EQ(bus_.busctl(k_submit).text, "t 1");
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->reconnects, 1);
    EXPECT_EQ(served_->reprovisions, 1);
  });
}

std::vector<std::string> emit(const std::string& receiver, const std::string& path, const std::string& interface,
                              const std::string& text) {
  return {"emit", "--destination=" + receiver, path, interface, "Told", "s", text};
}

TEST_F(PolicyTest, ASignalThatSeemsToBeOursReachesNobodyUnlessRootSendsIt) {
  const std::string ours = "/io/github/iotc_ha";
  for (const auto& [path, interface] : std::vector<std::pair<std::string, std::string>>{
           {"/elsewhere", "io.github.iotc_ha.Agent1"},
           {"/elsewhere", "io.github.iotc_ha.Telemetry1"},
           {"/elsewhere", "io.github.iotc_ha.Twin1"},
           {"/elsewhere", "io.github.iotc_ha.Commands1"},
           {ours, "org.freedesktop.DBus.Properties"},
       }) {
    Caller program(bus_, "Twin1");
    const std::string name = program.unique_name();
    EXPECT_EQ(bus_.busctl_as_nobody(emit(name, path, interface, "forged")).status, 0);
    EXPECT_EQ(bus_.busctl_as_nobody(emit(name, path, interface, "forged"), "users").status, 0);
    EXPECT_EQ(bus_.busctl(emit(name, ours, interface, "true")).status, 0);
    EXPECT_EQ(program.take_signal(), (Caller::Signal{"Told", {"true"}})) << interface;
  }
}

TEST_F(PolicyTest, TheServiceUserMaySendOurSignals) {
  PrivateBus bus_of_nobody(PrivateBus::Kind::System, policy_for_nobody());
  bus_of_nobody.start();
  Caller program(bus_of_nobody, "Twin1");
  const std::string name = program.unique_name();
  for (const char* interface : {"io.github.iotc_ha.Agent1", "io.github.iotc_ha.Telemetry1", "io.github.iotc_ha.Twin1",
                                "io.github.iotc_ha.Commands1", "org.freedesktop.DBus.Properties"}) {
    EXPECT_EQ(bus_of_nobody.busctl_as_nobody(emit(name, "/io/github/iotc_ha", interface, interface)).status, 0);
    EXPECT_EQ(program.take_signal(), (Caller::Signal{"Told", {interface}}));
  }
}

TEST_F(PolicyTest, ASignalOfAnotherServiceIsNotOurConcern) {
  Caller program(bus_, "Twin1");
  const auto another = emit(program.unique_name(), "/elsewhere", "org.freedesktop.DBus.Properties", "true");
  EXPECT_EQ(bus_.busctl_as_nobody(another).status, 0);
  EXPECT_EQ(program.take_signal(), (Caller::Signal{"Told", {"true"}}));
}

TEST_F(PolicyTest, TheBusCanTellTheDaemonThatAProgramHasLeft) {
  auto program = std::make_unique<Caller>(bus_, "Twin1");
  ASSERT_EQ(program->claim({"target"}).error, "");
  program.reset();
  EXPECT_TRUE(eventually([&] {
    bool has_left = false;
    served_->on_loop([&](Service& /*service*/) { has_left = served_->desk.properties.empty(); });
    return has_left;
  }));
}

TEST_F(PolicyTest, WhoIsNotRootCanSendTheDaemonNoSignal) {
  served_.reset();
  Caller daemon(bus_);
  daemon.own("io.github.iotc_ha");
  const auto words = [](const std::string& text) {
    return emit("io.github.iotc_ha", "/org/freedesktop/DBus", "org.freedesktop.DBus", text);
  };
  EXPECT_EQ(bus_.busctl_as_nobody(words("forged")).status, 0);
  EXPECT_EQ(bus_.busctl_as_nobody(words("forged"), "users").status, 0);
  EXPECT_EQ(bus_.busctl(words("true")).status, 0);
  EXPECT_EQ(daemon.take_signal(), (Caller::Signal{"Told", {"true"}}));
}

/// What the bus says when nobody asks for the name.
Output claim_as_nobody(const PrivateBus& bus) {
  return bus.busctl_as_nobody({"call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "RequestName", "su", "io.github.iotc_ha", "0"});
}

TEST_F(PolicyTest, OnlyTheServiceUserAndRootMayOwnTheName) {
  served_.reset();
  EXPECT_NE(claim_as_nobody(bus_).status, 0);

  PrivateBus bus_of_nobody(PrivateBus::Kind::System, policy_for_nobody());
  bus_of_nobody.start();
  EXPECT_EQ(claim_as_nobody(bus_of_nobody).text, "u 1") << "1: owner now";
}

TEST_F(PolicyTest, ABusThatDoesNotLetUsOwnTheNameIsReportedWithItsReason) {
  served_.reset();
  PrivateBus bus(PrivateBus::Kind::System);
  bus.start();
  Served served(bus.address());
  EXPECT_TRUE(served.noted("the name io.github.iotc_ha was refused"));
  EXPECT_THAT(served.notes().at(0), HasSubstr("denied"));
}

}  // namespace
}  // namespace iotc_ha::bus
