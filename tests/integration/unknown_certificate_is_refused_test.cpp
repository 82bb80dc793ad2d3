#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using UnknownCertificate = Scene;

TEST_F(UnknownCertificate, IsRefusedAndTheDeviceIsRegisteredOnceItIsTrusted) {
  start_lizard();
  configure("[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n");
  daemon().drop_in("30-trust", "[hub]\nca_file = \"\"\n");  // the system's trust store, where the lizard is unknown
  start_daemon();
  ASSERT_TRUE(await_state("Backoff"));
  EXPECT_EQ(bus().agent().last_error_name, "TlsRefused");
  EXPECT_THAT(bus().agent().last_error_text, testing::HasSubstr("certificate"));
  EXPECT_EQ(lizard().status().dps.registrations, 0U);

  daemon().remove_drop_in("30-trust");
  daemon().reload();
  ASSERT_TRUE(await_hub("hub-a"));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
