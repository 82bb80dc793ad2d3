#include "private_bus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace iotc_ha::bus {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* k_denied = "Access denied";

/// The rules that are installed, on a bus of type system, with root and nobody as callers.
class PolicyTest : public testing::Test {
 public:
  PolicyTest() : bus_(PrivateBus::Kind::System, read_file(IOTC_HA_BUS_POLICY)) {}

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
  const Answer introspected = bus_.busctl_as_nobody({"introspect", "io.github.iotc_ha", "/io/github/iotc_ha"});
  EXPECT_EQ(introspected.status, 0);
  EXPECT_THAT(introspected.text, HasSubstr("ReconnectCount"));
  const Answer all =
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

TEST_F(PolicyTest, RootMayControl) {
  EXPECT_EQ(bus_.busctl(call("Reconnect")).text, "");
  EXPECT_EQ(bus_.busctl(call("Reprovision")).text, "");
  EXPECT_EQ(bus_.busctl(k_set_log_level).text, "");
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->reconnects, 1);
    EXPECT_EQ(served_->reprovisions, 1);
  });
}

/// What the bus says when nobody asks for the name.
Answer claim_as_nobody(const PrivateBus& bus) {
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
