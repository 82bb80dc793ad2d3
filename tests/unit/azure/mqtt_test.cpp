#include <iotc_ha/azure/mqtt.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using core::Properties;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename Kind>
Kind parsed(std::string_view topic) {
  const auto result = parse_inbound_topic(topic, "dev1");
  EXPECT_TRUE(result) << result.error().what;
  EXPECT_TRUE(result && std::holds_alternative<Kind>(*result)) << topic;
  return result && std::holds_alternative<Kind>(*result) ? std::get<Kind>(*result) : Kind{};
}

core::WallTime at(std::int64_t microseconds) { return core::WallTime(std::chrono::microseconds(microseconds)); }

TEST(Mqtt, TheUserNameAnnouncesTheModelPercentEncoded) {
  EXPECT_EQ(hub_user_name("hub-a.azure-devices.net", "Dev:1", "dtmi:Sample:Failover;1", "iotc-ha/1.0 (linux)"),
            "hub-a.azure-devices.net/Dev:1/?api-version=2021-04-12&DeviceClientType=iotc-ha%2F1.0%20%28linux%29"
            "&model-id=dtmi%3ASample%3AFailover%3B1");
}

TEST(Mqtt, ADeviceSubscribesToFourTopics) {
  EXPECT_THAT(hub_subscriptions("dev1"),
              ElementsAre("devices/dev1/messages/devicebound/#", "$iothub/twin/res/#",
                          "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#"));
}

TEST(Mqtt, TopicsCarryTheRequestId) {
  EXPECT_EQ(twin_get_topic(7), "$iothub/twin/GET/?$rid=7");
  EXPECT_EQ(twin_patch_topic(18446744073709551615U),
            "$iothub/twin/PATCH/properties/reported/?$rid=18446744073709551615");
  EXPECT_EQ(method_response_topic(404, "1aF"), "$iothub/methods/res/404/?$rid=1aF");
}

TEST(Mqtt, TelemetryCarriesItsIdTypeAndTimeOfCreation) {
  core::Telemetry message;
  message.message_id = "1f00-42";
  message.boot = 1795428000;
  message.sequence = 42;
  message.body = R"({"temp":21.5})";
  message.created = at(1'795'428'000'123'999);
  EXPECT_EQ(telemetry_topic("dev1", message),
            "devices/dev1/messages/events/%24.mid=1f00-42&%24.ct=application%2Fjson&%24.ce=utf-8"
            "&iothub-creation-time-utc=2026-11-23T10%3A00%3A00.123Z&boot=1795428000&seq=42");
}

TEST(Mqtt, TelemetryOfAComponentNamesItAndOwnPropertiesComeLast) {
  core::Telemetry message;
  message.message_id = "m";
  message.component = "thermostat 1";
  message.properties = {{"level", "a b+c"}, {"empty", ""}, {"\xC3\xBC", "&="}};
  EXPECT_EQ(telemetry_topic("d", message),
            "devices/d/messages/events/%24.mid=m&%24.ct=application%2Fjson&%24.ce=utf-8&%24.sub=thermostat%201"
            "&iothub-creation-time-utc=1970-01-01T00%3A00%3A00.000Z&boot=0&seq=0&level=a%20b%2Bc&empty=&%C3%BC=%26%3D");
}

TEST(Mqtt, TimesAreWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(iso8601_utc(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso8601_utc(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(iso8601_utc(at(951'782'399'999'999)), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(iso8601_utc(at(951'782'400'000'000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso8601_utc(at(4'102'444'800'000'000)), "2100-01-01T00:00:00.000Z");
}

TEST(PropertyBag, IsReadInItsOrderWithBothSidesDecoded) {
  const Properties expected{{"$.mid", "0209-7"},
                            {"$.to", "/devices/d/messages/deviceBound"},
                            {"iothub-ack", "none"},
                            {"method-name", "setAlarm"}};
  EXPECT_EQ(parse_property_bag("%24.mid=0209-7&%24.to=%2Fdevices%2Fd%2Fmessages%2FdeviceBound&iothub-ack=none"
                               "&method-name=setAlarm"),
            expected);
}

TEST(PropertyBag, AKeyMayStandWithoutAnEqualsSign) {
  const Properties expected{{"a", ""}, {"b", ""}, {"c", "d=e"}};
  EXPECT_EQ(parse_property_bag("a&b=&c=d=e"), expected);
}

TEST(PropertyBag, APlusIsNoBlank) {
  const Properties expected{{"a+b", "c+d e"}};
  EXPECT_EQ(parse_property_bag("a+b=c+d%20e"), expected);
}

TEST(PropertyBag, EmptyPiecesAreNoProperties) {
  EXPECT_EQ(parse_property_bag(""), Properties{});
  const Properties expected{{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(parse_property_bag("&a=1&&b=2&"), expected);
}

TEST(PropertyBag, WhatIsEncodedIsReadBack) {
  const Properties properties{
      {"$.mid", "a&b=c"}, {"k e y", "+%\xE2\x82\xAC/?#"}, {"empty", ""}, {"twice", "1"}, {"twice", "2"}};
  EXPECT_EQ(encode_property_bag(properties),
            "%24.mid=a%26b%3Dc&k%20e%20y=%2B%25%E2%82%AC%2F%3F%23&empty=&twice=1&twice=2");
  EXPECT_EQ(parse_property_bag(encode_property_bag(properties)), properties);
  EXPECT_EQ(encode_property_bag({}), "");
}

TEST(PropertyBag, ABrokenEscapeOrBytesThatAreNotUtf8AreRefused) {
  for (const char* bag : {"a=%4", "%=1", "a=1&b=%zz", "a=%FF", "%C3=1"}) {
    const auto refused = parse_property_bag(bag);
    ASSERT_FALSE(refused) << bag;
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
  }
}

TEST(InboundTopic, ATwinResponseHasItsStatusAndRequestId) {
  const auto get = parsed<TwinResponse>("$iothub/twin/res/200/?$rid=7");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.rid, "7");
  const auto patch = parsed<TwinResponse>("$iothub/twin/res/204/?$rid=8&$version=3");
  EXPECT_EQ(patch.status, 204);
  EXPECT_EQ(patch.rid, "8");
  EXPECT_EQ(parsed<TwinResponse>("$iothub/twin/res/429/?$version=3&$rid=9").rid, "9");
}

TEST(InboundTopic, ADesiredPatchIsKnownByItsPrefix) {
  parsed<DesiredPatch>("$iothub/twin/PATCH/properties/desired/?$version=5");
}

TEST(InboundTopic, AMethodRequestHasItsNameAndItsRequestIdAsWritten) {
  const auto echo = parsed<MethodRequest>("$iothub/methods/POST/echo/?$rid=1aF%2f");
  EXPECT_EQ(echo.name, "echo");
  EXPECT_EQ(echo.rid, "1aF%2f");
  EXPECT_EQ(parsed<MethodRequest>("$iothub/methods/POST/thermostat1*getMaxMinReport/?$rid=1").name,
            "thermostat1*getMaxMinReport");
}

TEST(CommandName, IsTakenApartAtItsFirstStar) {
  EXPECT_EQ(split_command_name("thermostat1*getMaxMinReport"), (CommandName{"thermostat1", "getMaxMinReport"}));
  EXPECT_EQ(split_command_name("a*b*c"), (CommandName{"a", "b*c"}));
  EXPECT_EQ(split_command_name("a**"), (CommandName{"a", "*"}));
}

TEST(CommandName, WithAnEmptySideIsTheNameOfARootCommand) {
  for (const std::string whole : {"echo", "", "*", "*x", "x*", "**", "*x*y"}) {
    EXPECT_EQ(split_command_name(whole), (CommandName{"", whole}));
  }
}

TEST(InboundTopic, ACloudMessageHasItsProperties) {
  const Properties expected{{"$.mid", "1"}, {"method-name", "setAlarm"}, {"flag", ""}};
  EXPECT_EQ(parsed<CloudMessage>("devices/dev1/messages/devicebound/%24.mid=1&method-name=setAlarm&flag").properties,
            expected);
  EXPECT_EQ(parsed<CloudMessage>("devices/dev1/messages/devicebound/").properties, Properties{});
  EXPECT_EQ(parsed<CloudMessage>("devices/dev1/messages/devicebound").properties, Properties{});
}

TEST(InboundTopic, ACloudMessageWithABrokenBagIsRefusedAsAPayload) {
  const auto refused = parse_inbound_topic("devices/dev1/messages/devicebound/a=%4", "dev1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
}

TEST(InboundTopic, AnyOtherTopicIsNamedInTheError) {
  for (const char* topic :
       {"", "$iothub/twin/res/", "$iothub/twin/res/200", "$iothub/twin/res/200/", "$iothub/twin/res/200/?rid=1",
        "$iothub/twin/res/20x/?$rid=1", "$iothub/twin/res/-1/?$rid=1", "$iothub/twin/res/99999999999/?$rid=1",
        "$iothub/twin/res//?$rid=1", "$iothub/methods/POST/", "$iothub/methods/POST//?$rid=1",
        "$iothub/methods/POST/echo", "$iothub/methods/POST/a/b/?$rid=1",
        "$iothub/twin/PATCH/properties/reported/?$rid=1", "devices/dev2/messages/devicebound/a=1",
        "devices/dev1/messages/deviceboundary", "devices/dev1/messages/events/"}) {
    const auto refused = parse_inbound_topic(topic, "dev1");
    ASSERT_FALSE(refused) << topic;
    EXPECT_EQ(refused.error().fault, Fault::HubProtocol);
    EXPECT_THAT(refused.error().what, HasSubstr("'" + std::string(topic) + "'"));
  }
}

TEST(InboundTopic, AHostileTopicIsCutAndCleanedInTheError) {
  const auto refused = parse_inbound_topic("x\n\x1b[31m\xFF" + std::string(10'000, 'y'), "dev1");
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().what.size(), 300U);
  EXPECT_THAT(refused.error().what, HasSubstr("'x??[31m?yyy"));
}

}  // namespace
}  // namespace iotc_ha::azure
