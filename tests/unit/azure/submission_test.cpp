#include <iotc_ha/azure/mqtt.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using testing::HasSubstr;

core::Submission with_body(std::string body) {
  core::Submission message;
  message.body = std::move(body);
  return message;
}
core::Submission with_property(std::string name, std::string value) {
  core::Submission message = with_body("{}");
  message.properties = {{std::move(name), std::move(value)}};
  return message;
}

void expect_refused(const core::Submission& message, Fault fault, const std::string& said) {
  const auto checked = check_submission(message);
  ASSERT_FALSE(checked) << "taken, though: " << said;
  EXPECT_EQ(checked.error().fault, fault);
  EXPECT_THAT(checked.error().what, HasSubstr(said));
}

TEST(Submission, AnyJsonIsTaken) {
  for (const char* body : {R"({"temp":21.5})", "[1,2]", "42", "null", R"("text")", " {} "}) {
    EXPECT_TRUE(check_submission(with_body(body))) << body;
  }
}

TEST(Submission, WhatIsNotJsonIsRefusedWithItsPlace) {
  expect_refused(with_body(""), Fault::InvalidPayload, "not JSON");
  expect_refused(with_body("{\"temp\":21,5}"), Fault::InvalidPayload, "byte 12");
  expect_refused(with_body("hello"), Fault::InvalidPayload, "not JSON");
  expect_refused(with_body("\"\xff\""), Fault::InvalidPayload, "not JSON");
  expect_refused(with_body("{} {}"), Fault::InvalidPayload, "not JSON");
  expect_refused(with_body(std::string(100, '[')), Fault::InvalidPayload, "nested deeper");
}

TEST(Submission, TheHubsLimitCountsBodyAndProperties) {
  const auto text = [](std::size_t bytes) { return '"' + std::string(bytes - 2, 'x') + '"'; };
  EXPECT_TRUE(check_submission(with_body(text(k_message_size_max - 1'000))));
  expect_refused(with_body(text(k_message_size_max)), Fault::PayloadTooLarge, "a hub takes 262144");
  expect_refused(with_body(text(k_message_size_max + 1)), Fault::PayloadTooLarge, "262145");

  core::Submission message = with_body(text(k_message_size_max - 20'000));
  message.properties = {{"note", std::string(10'000, 'x')}};
  EXPECT_TRUE(check_submission(message));
  message.properties = {{"note", std::string(20'000, 'x')}};
  expect_refused(message, Fault::PayloadTooLarge, "body and properties");
}

TEST(Submission, PropertiesMustFitIntoATopicAsTheyAreEncoded) {
  EXPECT_TRUE(check_submission(with_property("p", std::string(60'000, 'x'))));
  expect_refused(with_property("p", std::string(60'000, ' ')), Fault::PayloadTooLarge, "as an MQTT topic");
  expect_refused(with_property("p", std::string(1'000'000, 'x')), Fault::PayloadTooLarge, "as an MQTT topic");
}

TEST(Submission, NamesThatAreTheHubsOrOursAreRefused) {
  for (const char* name : {"boot", "seq", "$.mid", "iothub-creation-time-utc"}) {
    expect_refused(with_property(name, "1"), Fault::InvalidPayload, std::string("property '") + name + "'");
  }
  expect_refused(with_property("", "1"), Fault::InvalidPayload, "no name");
  EXPECT_TRUE(check_submission(with_property("bootloader", "1")));
}

TEST(Submission, ControlCharactersInPropertiesAreRefused) {
  expect_refused(with_property("a", "line\nline"), Fault::InvalidPayload, "property 'a'");
  EXPECT_TRUE(check_submission(with_property("a", "\xC3\xBC &=")));
}

TEST(Submission, IdsAndComponentsAreThoseThatAHubTakes) {
  core::Submission message = with_body("{}");
  message.message_id = "order-66:a.b+c%d_e#f*g?h!(i),=@;$'";
  message.component = "thermostat_1";
  EXPECT_TRUE(check_submission(message));
  message.message_id = "with blank";
  expect_refused(message, Fault::InvalidPayload, "message id 'with blank'");
  message.message_id = std::string(129, 'x');
  expect_refused(message, Fault::InvalidPayload, "message id");
  message.message_id.clear();
  message.component = "thermostat 1";
  expect_refused(message, Fault::InvalidPayload, "'thermostat 1'");
}

}  // namespace
}  // namespace iotc_ha::azure
