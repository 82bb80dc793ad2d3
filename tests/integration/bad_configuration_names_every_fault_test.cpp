#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using BadConfiguration = Scene;

constexpr int k_exit_configuration = 78;

TEST_F(BadConfiguration, EveryFaultIsNamedInOneRunWithFileLineAndKey) {
  write_file(daemon().config_file(),
             "[device]\n"
             "id = \"failover-linux\"\n"
             "colour = \"green\"\n"
             "[provisioning]\n"
             "group_symmetric_key = \"not base64!\"\n"
             "port = 99999\n"
             "[sample]\n"
             "telemetry_period = 5\n");
  const std::string file = daemon().config_file().string();
  for (const Command& arguments : {Command{}, Command{"--check"}}) {
    const Outcome outcome = daemon().run_once(arguments);
    EXPECT_EQ(outcome.status, k_exit_configuration);
    EXPECT_THAT(outcome.err, testing::HasSubstr(file + ":3: device.colour: "));
    EXPECT_THAT(outcome.err, testing::HasSubstr(file + ":5: provisioning.group_symmetric_key: "));
    EXPECT_THAT(outcome.err, testing::HasSubstr(file + ":6: provisioning.port: "));
    EXPECT_THAT(outcome.err, testing::HasSubstr(file + ":8: sample.telemetry_period: "));
    EXPECT_THAT(outcome.err, testing::HasSubstr("provisioning.id_scope"));
    EXPECT_THAT(outcome.err, testing::Not(testing::HasSubstr("not base64!"))) << "a secret was shown";
  }
}

TEST_F(BadConfiguration, AFileThatIsNoTomlIsNamedWithItsLine) {
  write_file(daemon().config_file(), "[device]\nid = failover\n");
  const Outcome outcome = daemon().run_once({});
  EXPECT_EQ(outcome.status, k_exit_configuration);
  EXPECT_THAT(outcome.err, testing::HasSubstr(daemon().config_file().string() + ":2: "));
}

TEST_F(BadConfiguration, AMissingFileIsNamed) {
  const Outcome outcome = daemon().run_once({});
  EXPECT_EQ(outcome.status, k_exit_configuration);
  EXPECT_THAT(outcome.err, testing::HasSubstr(daemon().config_file().string()));
}

TEST_F(BadConfiguration, TheLizardsConfigurationHasNoFaults) {
  start_lizard();
  configure();
  const Outcome outcome = daemon().run_once({"--check"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace iotc_ha::integration
