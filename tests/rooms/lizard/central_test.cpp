#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::lizard::test {
namespace {

class Central : public testing::Test {
 protected:
  Central() : lizard({"--assigning-polls", "0"}), dps(lizard, "d1"), token(lizard.facts()["central_token"]) {
    dps.register_device();
  }
  Answer call(const std::string& action, const std::string& body = "", const std::string& device = "d1") {
    return dps.post("/system/iothub/devices/" + device + "/" + action, body, token);
  }

  RunningLizard lizard;
  Provisioning dps;
  std::string token;
};

TEST_F(Central, FailsADeviceOverAndBack) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(lizard.hub_address("hub-a")), 0);
  const Answer over = call("manual-failover", R"({"ttl":1})");
  ASSERT_EQ(over.status, 200) << over.body;
  const std::string left = over.body["hubIdentifier"];
  EXPECT_EQ(left.size(), 64U);
  EXPECT_NE(over.body["message"].get<std::string>().find(" GMT"), std::string::npos);
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-b"));
  EXPECT_EQ(call("manual-failover").status, 422) << "it is failed over already";

  const Answer back = call("manual-failback");
  ASSERT_EQ(back.status, 200) << back.body;
  EXPECT_NE(back.body["hubIdentifier"], left) << "names the hub that the device leaves";
  EXPECT_EQ(back.body["message"], "Device has successfully failed back to its original hub");
  EXPECT_EQ(dps.register_device(), lizard.hub_address("hub-a"));
  EXPECT_EQ(call("manual-failback").status, 422) << "it is back already";
  EXPECT_EQ(call("manual-failover").body["hubIdentifier"], left);
}

TEST_F(Central, SaysInTheUsualFormWhatWasWrong) {
  EXPECT_EQ(call("manual-failover", "", "d9").status, 404);
  EXPECT_EQ(call("manual-holiday").status, 404);
  for (const std::string body : {"[]", "{", R"({"ttl":0})", R"({"ttl":"5"})", R"({"ttl":1.5})"}) {
    const Answer answer = call("manual-failover", body);
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_FALSE(answer.body["error"]["message"].get<std::string>().empty());
  }
  token += "x";
  const Answer unauthorized = call("manual-failover");
  EXPECT_EQ(unauthorized.status, 401);
  EXPECT_TRUE(unauthorized.body["error"].contains("requestId"));
  EXPECT_EQ(lizard.device("d1")["assigned"], "hub-a");
}

TEST(CentralWithOneHub, HasNowhereToGo) {
  const RunningLizard lizard({"--assigning-polls", "0", "--hubs", "1"});
  Provisioning dps(lizard, "d1");
  dps.register_device();
  EXPECT_EQ(dps.post("/system/iothub/devices/d1/manual-failover", "{}", lizard.facts()["central_token"]).status, 422);
}

}  // namespace
}  // namespace iotc_ha::lizard::test
