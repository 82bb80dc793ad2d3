#include "caller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::bus {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* k_invalid = "org.freedesktop.DBus.Error.InvalidArgs";

class CommandsTest : public testing::Test {
 public:
  CommandsTest() {
    bus_.start();
    served_.emplace(bus_.address());
    caller_.emplace(bus_, "Commands1");
  }

 protected:
  void desk(const std::function<void(Desk&, Service&)>& task) {
    served_->on_loop([&](Service& service) { task(served_->desk, service); });
  }
  Caller::Reply complete(std::uint64_t id, int status, const char* payload) {
    return caller_->call("Complete", "tis", id, status, payload);
  }

  PrivateBus bus_;
  std::optional<Served> served_;
  std::optional<Caller> caller_;
};

TEST_F(CommandsTest, ACommandReachesItsClaimerWithAllItSaysAndNobodyElse) {
  Caller other(bus_, "Commands1");
  other.listen();
  ASSERT_EQ(caller_->claim({"thermostat*reset"}).error, "");
  ASSERT_EQ(other.claim({"reboot"}).error, "");
  desk([&](Desk& desk, Service& service) {
    const core::Caller& to = desk.commands.at("thermostat*reset");
    service.invoked(to, {(1ULL << 62U) + 5, "reset", "thermostat", R"({"delay":1.0})", false});
    service.invoked(to, {6, "re\xffset", "", "null", true});
    service.failed_over("hub-a", "hub-b", {});
  });
  EXPECT_EQ(caller_->take_signal(),
            (Caller::Signal{"Invoked", {"4611686018427387909", "reset", "thermostat", R"({"delay":1.0})", "0"}}));
  EXPECT_EQ(caller_->take_signal(), (Caller::Signal{"Invoked", {"6", "re\uFFFDset", "", "null", "1"}}));
  EXPECT_EQ(other.take_signal().member, "FailedOver") << "and nothing before it";
}

TEST_F(CommandsTest, AnAnswerReachesTheAgentWithAllItSays) {
  EXPECT_EQ(complete(1ULL << 62U, 202, R"({"begun":true})").error, "");
  EXPECT_EQ(complete(2, 0, "").error, "");
  desk([&](Desk& desk, Service& /*service*/) {
    ASSERT_THAT(desk.completed, SizeIs(2));
    EXPECT_EQ(desk.completed[0].by, caller_->unique_name());
    EXPECT_EQ(desk.completed[0].id, 1ULL << 62U);
    EXPECT_EQ(desk.completed[0].status, 202);
    EXPECT_EQ(desk.completed[0].payload, R"({"begun":true})");
    EXPECT_EQ(desk.completed[1].status, 0);
    EXPECT_EQ(desk.completed[1].payload, "");
  });
}

TEST_F(CommandsTest, AnswersThatAreRefusedHaveTheNameOfTheFault) {
  for (const core::Fault fault :
       {core::Fault::NotClaimed, core::Fault::AlreadyCompleted, core::Fault::TimedOut, core::Fault::NotConnected,
        core::Fault::InvalidPayload, core::Fault::PayloadTooLarge, core::Fault::StorageFailed, core::Fault::Busy}) {
    desk([&](Desk& desk, Service& /*service*/) { desk.refusal = core::Error{fault, "because", {}}; });
    const auto reply = complete(1, 200, "null");
    EXPECT_EQ(reply.error, "io.github.iotc_ha.Error." + std::string(core::name_of(fault)));
    EXPECT_EQ(reply.text, "because");
  }
}

TEST_F(CommandsTest, WhatMakesNoSenseIsRefusedBeforeTheAgent) {
  const auto negative = complete(1, -1, "null");
  EXPECT_EQ(negative.error, k_invalid);
  EXPECT_EQ(negative.text, "status must be 0 or more, not -1");
  const auto unnamed = caller_->claim({"reboot", ""});
  EXPECT_EQ(unnamed.error, k_invalid);
  EXPECT_EQ(unnamed.text, "names: a name must not be empty");
  EXPECT_EQ(caller_->claim({}).text, "names must hold 1 to 1000 names, not 0");
  EXPECT_THAT(caller_->claim({"a**b"}).text, HasSubstr("must be \"name\" or \"component*name\""));
  desk([](Desk& desk, Service& /*service*/) {
    EXPECT_THAT(desk.completed, IsEmpty());
    EXPECT_THAT(desk.commands, IsEmpty());
  });
}

TEST_F(CommandsTest, ACommandAndAPropertyOfTheSameNameAreTwoThings) {
  Caller other(bus_, "Twin1");
  EXPECT_EQ(caller_->claim({"target"}).error, "");
  EXPECT_EQ(other.claim({"target"}).error, "");
}

}  // namespace
}  // namespace iotc_ha::bus
