#include <iotc_ha/azure/dps_mqtt.hpp>

#include <gtest/gtest.h>

namespace iotc_ha::azure {
namespace {

using namespace std::chrono_literals;

TEST(DpsOverMqtt, TheUserNameHasASlashWhereAHubWantsAQuestionMark) {
  EXPECT_EQ(dps_user_name("0ne00ABCDEF", "dev-1", "iotc-ha/1.0"),
            "0ne00ABCDEF/registrations/dev-1/api-version=2019-03-31&ClientVersion=iotc-ha%2F1.0");
}

TEST(DpsOverMqtt, EachQuestionCarriesItsNumber) {
  EXPECT_EQ(dps_subscription(), "$dps/registrations/res/#");
  EXPECT_EQ(dps_register_topic(7), "$dps/registrations/PUT/iotdps-register/?$rid=7");
  EXPECT_EQ(dps_poll_topic(8, "5.316aac5bdc130deb.b1e02da8-c3a0"),
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=8&operationId=5.316aac5bdc130deb.b1e02da8-c3a0");
}

TEST(DpsOverMqtt, TheTopicOfAnAnswerSaysStatusNumberAndPause) {
  EXPECT_EQ(parse_dps_topic("$dps/registrations/res/202/?$rid=1&retry-after=3"), (DpsReply{202, "1", 3s}));
  EXPECT_EQ(parse_dps_topic("$dps/registrations/res/401/?$rid=a-b"), (DpsReply{401, "a-b", {}}));
  EXPECT_EQ(parse_dps_topic("$dps/registrations/res/429/?retry-after=9&$rid=2"), (DpsReply{429, "2", 9s}));
  EXPECT_EQ(parse_dps_topic("$dps/registrations/res/202/?$rid=1&retry-after=soon"), (DpsReply{202, "1", {}}));
  EXPECT_EQ(parse_dps_topic("$dps/registrations/res/202/?$rid=1&retry-after=999999999999")->retry_after, 24h);
}

TEST(DpsOverMqtt, AnyOtherTopicIsNamed) {
  for (const char* topic : {"", "$iothub/twin/res/200/?$rid=1", "$dps/registrations/res/", "$dps/registrations/res/202",
                            "$dps/registrations/res/202/", "$dps/registrations/res/202/?retry-after=3",
                            "$dps/registrations/res/99/?$rid=1", "$dps/registrations/res/2o2/?$rid=1"}) {
    const auto reply = parse_dps_topic(topic);
    ASSERT_FALSE(reply) << topic;
    EXPECT_EQ(reply.error().fault, core::Fault::DpsProtocol);
  }
}

}  // namespace
}  // namespace iotc_ha::azure
