#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using TokenRenewed = Scene;

TEST_F(TokenRenewed, ThreeRenewalsAreNoFailures) {
  begin("[hub]\ntoken_life = \"8s\"\n");
  const auto registrations = lizard().device(k_device).registrations;
  const Mark before = mark();

  ASSERT_TRUE(eventually([&] { return bus().states(before.state).size() >= 7; }, std::chrono::seconds{60}));

  expect_states(before, {"Connected"}, {"Connecting", "Connected"}, {});
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.failover_count, 0U);
  EXPECT_EQ(agent.reconnect_count, 0U);
  EXPECT_EQ(agent.last_error_name, "");
  EXPECT_EQ(agent.current_hub, lizard().address_of("hub-a"));
  const DeviceStatus device = lizard().device(k_device);
  EXPECT_EQ(device.registrations, registrations) << "DPS has nothing to do with a renewal";
  EXPECT_EQ(device.expiry_cuts, 0U) << "the hub had to end a session because its token had expired";
  EXPECT_GE(device.connections, 4U);
  EXPECT_EQ(device.clean_disconnects, device.connections - 1) << "each session was to end with a DISCONNECT";
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
