#include "private_bus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace iotc_ha::bus {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* k_denied = "Access denied";

/// The rules that are installed, but for a group that every machine has: "users", which is not that of nobody.
std::string policy_for_users() {
  std::string policy = read_file(IOTC_HA_BUS_POLICY);
  const std::string group = R"(group="iotc-ha")";
  const std::size_t at = policy.find(group);
  if (at == std::string::npos) throw std::runtime_error("the policy does not name the group iotc-ha");
  return policy.replace(at, group.size(), R"(group="users")");
}

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
  EXPECT_THAT(all.text, StartsWith("a{sv} 14 "));
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

/// What the bus says when nobody asks for the name.
Output claim_as_nobody(const PrivateBus& bus) {
  return bus.busctl_as_nobody({"call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "RequestName", "su", "io.github.iotc_ha", "0"});
}

TEST_F(PolicyTest, OnlyTheServiceUserAndRootMayOwnTheName) {
  served_.reset();
  EXPECT_NE(claim_as_nobody(bus_).status, 0);

  std::string policy = read_file(IOTC_HA_BUS_POLICY);
  const std::string user = R"(user="iotc-ha")";
  ASSERT_NE(policy.find(user), std::string::npos);
  policy.replace(policy.find(user), user.size(), R"(user="nobody")");
  PrivateBus bus_of_nobody(PrivateBus::Kind::System, policy);
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
