#include <iotc_ha/courier/wire.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>

namespace iotc_ha::courier {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using core::AttemptId;
using core::Fault;
using testing::HasSubstr;

core::Registration whole() {
  return {.host = "global.azure-devices-provisioning.net",
          .port = 8443,
          .id_scope = "0ne00ABCDEF",
          .registration_id = "dev-1",
          .model_id = "dtmi:Sample:Failover;1",
          .token = core::Secret("SharedAccessSignature sr=x&sig=S%2B&se=1"),
          .timeout = 28'500ms,
          .early_poll = true,
          .ca_file = "/etc/ssl/\"our\" ca.pem",
          .proxy = "http://user:geheim\xc3\xa4@proxy:3128"};
}

void expect_whole(const core::Registration& got) {
  const core::Registration sent = whole();
  EXPECT_EQ(got.host, sent.host);
  EXPECT_EQ(got.port, sent.port);
  EXPECT_EQ(got.id_scope, sent.id_scope);
  EXPECT_EQ(got.registration_id, sent.registration_id);
  EXPECT_EQ(got.model_id, sent.model_id);
  EXPECT_EQ(got.token, sent.token);
  EXPECT_EQ(got.timeout, sent.timeout);
  EXPECT_EQ(got.early_poll, sent.early_poll);
  EXPECT_EQ(got.ca_file, sent.ca_file);
  EXPECT_EQ(got.proxy, sent.proxy);
}

template <typename Kind>
Kind command_after_the_wire(const Command& command) {
  const auto read = read_command(to_message(command));
  if (!read) throw std::runtime_error(read.error().what);
  return std::get<Kind>(*read);
}

template <typename Kind>
Kind notice_after_the_wire(const core::RegistrationNotice& notice) {
  const auto read = read_notice(to_message(notice));
  if (!read) throw std::runtime_error(read.error().what);
  return std::get<Kind>(*read);
}

TEST(Wire, EveryCommandArrivesWhole) {
  expect_whole(command_after_the_wire<command::Prepare>(command::Prepare{whole()}).whom);
  const AttemptId attempt{~std::uint64_t{0}};
  const auto asked = command_after_the_wire<command::Register>(command::Register{attempt, whole()});
  EXPECT_EQ(asked.attempt, attempt);
  expect_whole(asked.registration);
  EXPECT_EQ(command_after_the_wire<command::Cancel>(command::Cancel{attempt}).attempt, attempt);
}

TEST(Wire, EveryNoticeArrivesWhole) {
  EXPECT_EQ(notice_after_the_wire<core::RegistrationSent>(core::RegistrationSent{AttemptId{7}}).attempt, AttemptId{7});
  EXPECT_EQ(notice_after_the_wire<core::PollThrottled>(core::PollThrottled{AttemptId{8}}).attempt, AttemptId{8});
  const core::Registered named{AttemptId{9}, core::Assignment{"hub-a.azure-devices.net", "Dev-1"}, "initialAssignment"};
  const auto got = notice_after_the_wire<core::Registered>(named);
  EXPECT_EQ(got.attempt, named.attempt);
  EXPECT_EQ(got.assignment, named.assignment);
  EXPECT_EQ(got.substatus, named.substatus);
}

TEST(Wire, EveryFaultArrivesWithItsWordsAndItsWait) {
  for (int number = 0; number <= static_cast<int>(Fault::Cancelled); ++number) {
    const core::Error error{static_cast<Fault>(number), "line \"1\"", 17s};
    const auto got = notice_after_the_wire<core::Registered>(core::Registered{AttemptId{1}, tl::unexpected(error), {}});
    ASSERT_FALSE(got.assignment);
    EXPECT_EQ(got.assignment.error(), error);
  }
  const core::Error no_wait{Fault::TimedOut, "", {}};
  const auto got = notice_after_the_wire<core::Registered>(core::Registered{AttemptId{1}, tl::unexpected(no_wait), {}});
  EXPECT_EQ(got.assignment.error(), no_wait);
}

TEST(Wire, WordsOfAServerThatAreNotUtf8DoNotStopTheNews) {
  const core::Error error{Fault::DpsUnavailable,
                          "Zur\xfc"
                          "ck",
                          {}};
  const auto got = notice_after_the_wire<core::Registered>(core::Registered{AttemptId{1}, tl::unexpected(error), {}});
  EXPECT_EQ(got.assignment.error().fault, Fault::DpsUnavailable);
  EXPECT_EQ(got.assignment.error().what,
            "Zur\xef\xbf\xbd"
            "ck");
}

TEST(Wire, WhatIsNoMessageIsAnErrorAndNoCrash) {
  const std::string good = to_message(command::Register{AttemptId{1}, whole()});
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(read_command(good.substr(0, length)));
  for (const std::string& wrong :
       {""s, "null"s, "7"s, "[]"s, "{}"s, R"({"kind":7})"s, R"({"kind":"dance","attempt":1})"s, R"({"kind":"sent"})"s,
        R"({"kind":"sent","attempt":"1"})"s, R"({"kind":"registered","attempt":1})"s,
        R"({"kind":"registered","attempt":1,"error":{"fault":255,"what":"x"}})"s,
        R"({"kind":"registered","attempt":1,"error":{"fault":-1,"what":"x"}})"s,
        R"({"kind":"registered","attempt":1,"error":{"fault":1}})"s,
        R"({"kind":"registered","attempt":1,"hub":"a","device_id":"b","substatus":null})"s, "\xff\xfe"s}) {
    const auto notice = read_notice(wrong);
    ASSERT_FALSE(notice) << wrong;
    EXPECT_EQ(notice.error().fault, Fault::InvalidPayload);
    EXPECT_THAT(notice.error().what, HasSubstr("between the daemon and iotc-ha-dps"));
    EXPECT_FALSE(read_command(wrong)) << wrong;
  }
}

TEST(Wire, AnErrorDoesNotRepeatTheToken) {
  const std::string good = to_message(command::Register{AttemptId{1}, whole()});
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto read = read_command(good.substr(0, length));
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().what, testing::Not(HasSubstr("SharedAccess")));
  }
}

}  // namespace
}  // namespace iotc_ha::courier
