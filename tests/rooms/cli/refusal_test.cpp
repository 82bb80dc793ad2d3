#include "peer.hpp"

#include <gmock/gmock.h>
#include <sysexits.h>
#include <unistd.h>

#include <filesystem>

namespace iotc_ha::cli {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class UsageTest : public PeerTest {};

TEST_F(UsageTest, WhatMakesNoSenseIsNamedAndIsStatus64) {
  struct Case {
    std::vector<std::string> arguments;
    std::string names;
  };
  const std::vector<Case> cases{
      {{}, "A command is required"},
      {{"nonsense"}, "nonsense"},
      {{"send", "{}", "--colour"}, "--colour"},
      {{"send", "{}", "{}"}, "{}"},
      {{"send", "{}", "--property", "zone"}, "--property: must be NAME=VALUE, not 'zone'"},
      {{"send", "{}", "--property", "=b"}, "--property: must be NAME=VALUE, not '=b'"},
      {{"send", "{}", "--property", "zone=a", "--property", "zone=b"}, "--property: 'zone' is given twice"},
      {{"send", "{}", "--property", "zone=\xff"}, "--property: must be UTF-8"},
      {{"send", "{}", "--component", "\xff"}, "--component: must be UTF-8"},
      {{"send", "{}", "--timestamp", "yesterday"}, "--timestamp: must be like 2026-11-23T07:40:12.5Z or microseconds"},
      {{"send", "{}", "--timestamp", "0"}, "not '0'"},
      {{"send", "{}", "--wait=0"}, "--wait: must be 1 to 86400 seconds, not '0'"},
      {{"send", "{}", "--wait=soon"}, "--wait: must be 1 to 86400 seconds, not 'soon'"},
      {{"send", "{}", "--lines"}, "--lines"},
      {{"send", "--lines", "--message-id", "mine"}, "--message-id"},
      {{"report", "{}", "--file", "/etc/hostname"}, "--file"},
      {{"report", "{}", "{}"}, "{}"},
      {{"report", "--file", ""}, "--file: must be a file"},
      {{"twin", "desired"}, "desired"},
      {{"watch", "--property", ""}, "--property: must be a name"},
      {{"watch", "--command", "\xff"}, "--command: must be UTF-8"},
      {{"watch", "--count", "0"}, "--count: must be 1 or more, not 0"},
      {{"watch", "--exec", "true"}, "--exec: has nothing to answer without --property or --command"},
      {{"watch", "--command", "a", "--exec", ""}, "--exec: must be a program"},
      {{"watch", "--command", "a", "--exec", "/no/such"},
       "--exec: '/no/such' cannot be run: No such file or directory"},
      {{"watch", "--command", "a", "--exec", "no-such"}, "--exec: 'no-such' cannot be run: not found in PATH"},
      {{"watch", "--command", "a", "--exec", "/etc/passwd"}, "cannot be run: Permission denied"},
      {{"watch", "--command", "a", "--timeout", "3"}, "--exec"},
      {{"watch", "--command", "a", "--exec", "true", "--timeout", "0"}, "--timeout: must be 1 to 86400 seconds, not 0"},
      {{"watch", "--command", "a*b*c"}, "\"a*b*c\" must be"},
      {{"history", "-3"}, "-3"},
      {{"history", "many"}, "many"},
  };
  for (const Case& wrong : cases) {
    const auto end = run(wrong.arguments);
    EXPECT_EQ(end.status, EX_USAGE) << testing::PrintToString(wrong.arguments) << end.errors;
    EXPECT_THAT(end.errors, HasSubstr(wrong.names));
    EXPECT_EQ(end.output, "");
  }
  EXPECT_THAT(bodies(), testing::IsEmpty());
}

TEST_F(UsageTest, HelpAndVersionAreForStandardOutput) {
  const auto version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.output, std::string("iotc-hactl ") + IOTC_HA_VERSION + "\n");
  const auto help = run({"send", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, HasSubstr("--property"));
}

TEST(ReachTest, WithoutABusOrADaemonEveryCommandSaysSoWithStatus69) {
  bus::PrivateBus bus;
  const std::vector<std::vector<std::string>> commands{
      {"send", "{}"},  {"audit"}, {"status"},       {"history"}, {"reconnect"},
      {"reprovision"}, {"twin"},  {"report", "{}"}, {"watch"},   {"watch", "--command", "a"}};
  for (const auto& command : commands) {
    const auto end = run(bus.address(), command);
    EXPECT_EQ(end.status, EX_UNAVAILABLE);
    EXPECT_THAT(end.errors, testing::StartsWith("iotc-hactl: no connection to the bus at " + bus.address() + ": "));
    EXPECT_EQ(std::count(end.errors.begin(), end.errors.end(), '\n'), 1);
  }
  bus.start();
  for (const auto& command : commands) {
    const auto end = run(bus.address(), command);
    EXPECT_EQ(end.status, EX_UNAVAILABLE);
    EXPECT_THAT(end.errors, HasSubstr("is the service running? systemctl status iotc-ha"));
    EXPECT_EQ(std::count(end.errors.begin(), end.errors.end(), '\n'), 1);
  }
}

/// The rules that are installed, but for a group that every machine has: "users"; with nobody as the caller.
class PermissionTest : public testing::Test {
 public:
  PermissionTest() : bus_(bus::PrivateBus::Kind::System, policy()) {}

 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can call as somebody else";
    bus_.start();
    served_.emplace(bus_.address());
    // Nobody may have no way into the folder of the build.
    std::string folder = (fs::temp_directory_path() / "iotc-hactl-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    fs::permissions(folder_, fs::perms{0755});
    fs::copy_file(IOTC_HACTL, folder_ / "iotc-hactl");
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  [[nodiscard]] Program::End run_as_nobody(const std::string& groups, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"setpriv",
                                     "--reuid=65534",
                                     "--regid=65534",
                                     groups.empty() ? "--clear-groups" : "--groups=" + groups,
                                     (folder_ / "iotc-hactl").string(),
                                     "--bus",
                                     bus_.address()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Program(command).end();
  }

 private:
  static std::string policy() {
    std::string policy = bus::read_file(IOTC_HA_BUS_POLICY);
    const std::string group = R"(group="iotc-ha")";
    return policy.replace(policy.find(group), group.size(), R"(group="users")");
  }

  bus::PrivateBus bus_;
  std::optional<bus::Served> served_;
  fs::path folder_;
};

TEST_F(PermissionTest, WhoIsNotInTheGroupIsToldWhoMaySendWithStatus77) {
  const auto sent = run_as_nobody("", {"send", "{}"});
  EXPECT_EQ(sent.status, EX_NOPERM);
  EXPECT_EQ(sent.errors,
            "iotc-hactl: not permitted: only root and members of the group iotc-ha may send telemetry; the message was "
            "not sent\n");
  const auto ordered = run_as_nobody("", {"reconnect"});
  EXPECT_EQ(ordered.status, EX_NOPERM);
  EXPECT_EQ(ordered.errors, "iotc-hactl: not permitted: only root may control the daemon\n");
  const auto reported = run_as_nobody("", {"report", "{}"});
  EXPECT_EQ(reported.status, EX_NOPERM);
  EXPECT_EQ(reported.errors,
            "iotc-hactl: not permitted: only root and members of the group iotc-ha may report properties\n");
  const auto claimed = run_as_nobody("", {"watch", "--command", "reset"});
  EXPECT_EQ(claimed.status, EX_NOPERM);
  EXPECT_EQ(claimed.errors,
            "iotc-hactl: not permitted: only root and members of the group iotc-ha may answer for properties and "
            "commands\n");
}

TEST_F(PermissionTest, AnybodyMayLookAndAMemberOfTheGroupMaySend) {
  EXPECT_EQ(run_as_nobody("", {"status"}).status, 0);
  EXPECT_EQ(run_as_nobody("", {"audit"}).status, 0);
  EXPECT_EQ(run_as_nobody("", {"history"}).status, 0);
  EXPECT_EQ(run_as_nobody("", {"twin"}).status, 0);
  EXPECT_EQ(run_as_nobody("", {"watch", "--count", "1"}).status, 0);
  EXPECT_EQ(run_as_nobody("users", {"report", "{}"}).status, 0);
  EXPECT_EQ(run_as_nobody("users", {"watch", "--command", "reset", "--count", "1"}).status, 0);
  const auto sent = run_as_nobody("users", {"send", "{}"});
  EXPECT_EQ(sent.status, 0) << sent.errors;
  EXPECT_EQ(sent.output, "1\n");
}

}  // namespace
}  // namespace iotc_ha::cli
