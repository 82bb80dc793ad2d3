#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace iotc_ha::lizard::test {
namespace {

bool is_running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  return text.at(text.rfind(')') + 2) != 'Z';
}

TEST(Process, TakesItsHubsWithItWhenItIsKilledThoseThatAreStoppedToo) {
  RunningLizard lizard;
  lizard.ask({"attack", "hub-b", "--how", "unplug"});
  const pid_t hub_a = lizard.hub("hub-a")["pid"];
  const pid_t hub_b = lizard.hub("hub-b")["pid"];
  ASSERT_TRUE(is_running(hub_a) && is_running(hub_b));
  lizard.stop(SIGKILL);
  EXPECT_TRUE(eventually([&] { return !is_running(hub_a) && !is_running(hub_b); }));
}

TEST(Process, EndsWithinTwoSecondsAndLeavesOnlyWhatANewRunNeeds) {
  RunningLizard lizard({"--assigning-polls", "0"});
  Provisioning dps(lizard, "d1");  // and its connection stays open
  dps.register_device();
  lizard.ask({"attack", "hub-b", "--how", "unplug"});
  EXPECT_LT(lizard.stop(SIGTERM), std::chrono::seconds(2));
  EXPECT_FALSE(std::filesystem::exists(lizard.state_dir() + "/control"));
  EXPECT_FALSE(std::filesystem::exists(lizard.state_dir() + "/hub-a"));
  EXPECT_TRUE(std::filesystem::exists(lizard.state_dir() + "/ca.pem"));
}

TEST(Process, StartsAHubAgainThatDiesByItself) {
  RunningLizard lizard({"--assigning-polls", "0"});
  const std::string hub = Provisioning(lizard, "d1").register_device();
  kill(lizard.hub("hub-a")["pid"].get<pid_t>(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return lizard.happened("hub-restarted"); }));
  EXPECT_TRUE(lizard.happened("hub-died"));
  EXPECT_TRUE(eventually([&] { return Device(lizard, {.id = "d1"}).connect(hub) == 0; }));
}

TEST(Process, NeverListensOutsideOfLoopback) {
  const TemporaryDirectory state;
  for (const std::string network : {"10.0.0.0", "0.0.0.0", "127.77.0.5", "128.0.0.0", "127.77", "localhost"}) {
    const Finished finished = run_lizard({"run", "--state-dir", state.path(), "--network", network});
    EXPECT_EQ(finished.status, 1) << network;
    EXPECT_NE(finished.err.find(network), std::string::npos) << finished.err;
  }
}

TEST(Process, LetsOnlyOneRunInAStateDirectoryAndAnAddress) {
  const RunningLizard lizard;
  const Finished same_state =
      run_lizard({"run", "--state-dir", lizard.state_dir(), "--network", "127.99.99.0", "--dps-port", "8443"});
  EXPECT_EQ(same_state.status, 1);
  EXPECT_NE(same_state.err.find(lizard.state_dir()), std::string::npos) << same_state.err;
  const TemporaryDirectory other;
  const Finished same_address =
      run_lizard({"run", "--state-dir", other.path(), "--network", lizard.network(), "--dps-port", "8443"});
  EXPECT_EQ(same_address.status, 1);
  EXPECT_NE(same_address.err.find("Address already in use"), std::string::npos) << same_address.err;
}

TEST(Process, SaysThatNoneRunsAndWhereItLooked) {
  const TemporaryDirectory state;
  const Finished finished = run_lizard({"status", "--state-dir", state.path()});
  EXPECT_EQ(finished.status, 1);
  EXPECT_NE(finished.err.find(state.path()), std::string::npos);
  EXPECT_EQ(run_lizard({"atack", "hub-a"}).status, 2);
}

TEST(Process, WritesAConfigurationThatOthersCannotReadAndKeepsTheModeOfOneThatIsThere) {
  const RunningLizard lizard;
  const std::string file = lizard.state_dir() + "/iotc-ha.conf";
  const auto write = [&] {
    const Finished finished =
        run_lizard({"config", "--state-dir", lizard.state_dir(), "--device", "d7", "--output", file});
    EXPECT_EQ(finished.status, 0) << finished.err;
  };
  write();
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007U, 0U);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_NE(text.str().find("id = \"d7\""), std::string::npos);
  EXPECT_NE(text.str().find("group_symmetric_key = \"" + lizard.facts()["group_key"].get<std::string>()),
            std::string::npos);
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  write();
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
