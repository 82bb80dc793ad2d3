#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace iotc_ha::integration {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class DpsIsAskedByAnotherProcess : public Scene {
 protected:
  /// The process that the daemon has started, if it is there.
  std::optional<pid_t> asker() {
    const std::string daemon_pid = std::to_string(daemon().pid());
    const std::string children = text_of("/proc/" + daemon_pid + "/task/" + daemon_pid + "/children");
    pid_t pid = 0;
    std::from_chars(children.data(), children.data() + children.size(), pid);
    return pid > 0 ? std::optional(pid) : std::nullopt;
  }
  static std::string maps_of(pid_t pid) { return text_of("/proc/" + std::to_string(pid) + "/maps"); }
};

TEST_F(DpsIsAskedByAnotherProcess, TheDaemonItselfHasNoLibcurlInIt) {
  begin();
  const auto pid = asker();
  ASSERT_TRUE(pid) << "it stays for a while after its answer";
  EXPECT_THAT(maps_of(*pid), HasSubstr("libcurl"));
  EXPECT_THAT(maps_of(daemon().pid()), Not(HasSubstr("libcurl")));
  EXPECT_EQ(text_of("/proc/" + std::to_string(*pid) + "/comm"), "iotc-ha-dps\n");
  expect_good_end();
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(*pid)));
}

TEST_F(DpsIsAskedByAnotherProcess, KilledInTheMiddleOfAFailoverItIsReplaced) {
  begin("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  lizard().attack("dps", "unplug");
  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_journal("(Unreachable); asking DPS"));
  const auto pid = asker();
  ASSERT_TRUE(pid);
  ASSERT_EQ(::kill(*pid, SIGKILL), 0);
  ASSERT_TRUE(await_journal("the process that asks DPS was ended by signal 9"));
  lizard().revive("dps");
  ASSERT_TRUE(await_hub("hub-b"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
