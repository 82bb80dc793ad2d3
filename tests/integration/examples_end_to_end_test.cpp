#include "harness/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

namespace iotc_ha::integration {
namespace {

/// Each example, as it is installed, with the real daemon and the cloud at the other end.
class Examples : public Conversation, public testing::WithParamInterface<const char*> {
 protected:
  void start_example() {
    const std::string folder = std::filesystem::path(IOTC_HA_HACTL_PROGRAM).parent_path();
    // It would find iotc-hactl and the system's bus where it is installed.
    example_ = std::make_unique<Process>(
        Command{"env", "DBUS_SYSTEM_BUS_ADDRESS=" + bus().address(), "PATH=" + folder + ":/usr/bin:/bin", GetParam()},
        daemon().state_dir().parent_path() / "example");
  }
  [[nodiscard]] std::string told() const { return example_->out() + example_->err(); }
  /// Until the example answers this command, which it does not before it has claimed it.
  [[nodiscard]] bool await_answer(const std::string& name, int status, const std::string& payload) {
    return eventually([&] {
      const CommandAnswer answer = lizard().command(k_device, name, "{}");
      return answer.status == status && answer.payload == payload;
    });
  }

  std::unique_ptr<Process> example_;
};

TEST_P(Examples, TalkToTheCloudAndGoOnAfterAFailover) {
  begin_conversation();
  start_example();
  ASSERT_TRUE(await_reported("/thermostat/serial", R"("T-1000")")) << told();
  ASSERT_TRUE(eventually([&] { return !lizard().telemetry().empty(); })) << told();
  EXPECT_EQ(lizard().telemetry().at(0).properties.at("$.sub"), "thermostat");
  ASSERT_TRUE(await_answer("thermostat*reset", 200, R"("done")")) << told();

  lizard().attack("hub-a", "kill");
  ASSERT_TRUE(await_hub("hub-b"));
  const std::uint64_t version = lizard().desired(k_device, R"({"thermostat":{"target":21.5}})");
  ASSERT_TRUE(await_reported("/thermostat/target/av", std::to_string(version))) << told();
  EXPECT_EQ(reported("/thermostat/target/value"), "21.5");
  EXPECT_EQ(reported("/thermostat/target/ac"), "200");
  ASSERT_TRUE(await_answer("thermostat*calibrate", 202, R"("begun")")) << told();
  ASSERT_TRUE(await_reported("/thermostat/calibrated", "true")) << told();
  send_c2d("thermostat*reset", "null");
  ASSERT_TRUE(await_no_c2d_queued());
  EXPECT_TRUE(example_->running()) << told();
  expect_clean_stop();
}

const char* language_of(const testing::TestParamInfo<const char*>& example) {
  constexpr std::array k_languages{"Python", "Shell", "Cpp"};
  return k_languages.at(example.index);
}
INSTANTIATE_TEST_SUITE_P(InEachLanguage, Examples,
                         testing::Values(IOTC_HA_EXAMPLES "/thermostat.py", IOTC_HA_EXAMPLES "/thermostat.sh",
                                         IOTC_HA_EXAMPLE_CPP),
                         language_of);

}  // namespace
}  // namespace iotc_ha::integration
