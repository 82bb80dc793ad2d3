#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

using IndividualEnrolment = Scene;

TEST_F(IndividualEnrolment, ADeviceWithAKeyOfItsOwnConnectsWithIt) {
  start_lizard({"--device-key", k_device + "=aW5kaXZpZHVhbCBrZXkgb2Ygb25lIGRldmljZSwgMzI="});
  configure();
  EXPECT_THAT(read_file(daemon().config_file()), testing::HasSubstr("\nsymmetric_key = "));
  start_daemon();
  ASSERT_TRUE(await_hub("hub-a"));
  EXPECT_FALSE(daemon().journal_says("aW5kaXZpZHVhbCBrZXkg")) << "the key is in the journal";
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
