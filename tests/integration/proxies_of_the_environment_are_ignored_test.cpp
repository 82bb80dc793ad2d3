#include "harness/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace iotc_ha::integration {
namespace {

class EnvironmentProxies : public Scene {
 protected:
  void SetUp() override {
    // Paho and libcurl both take these by themselves.
    for (const char* name : k_names)
      setenv(name, "http://127.0.0.1:9", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    Scene::SetUp();
  }
  void TearDown() override {
    Scene::TearDown();
    for (const char* name : k_names) unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  static constexpr const char* k_names[] = {"http_proxy", "https_proxy", "all_proxy",
                                            "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
};

TEST_F(EnvironmentProxies, AreIgnored) {
  begin();
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
