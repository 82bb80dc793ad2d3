#include "caller.hpp"
#include "monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace iotc_ha::bus {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* k_invalid = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr const char* k_busy = "io.github.iotc_ha.Error.Busy";

class TwinTest : public testing::Test {
 public:
  TwinTest() {
    bus_.start();
    served_.emplace(bus_.address());
    caller_.emplace(bus_, "Twin1");
  }

 protected:
  void desk(const std::function<void(Desk&, Service&)>& task) {
    served_->on_loop([&](Service& service) { task(served_->desk, service); });
  }
  std::string twin(const std::vector<std::string>& method) const {
    std::vector<std::string> words{"call", "io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha.Twin1"};
    words.insert(words.end(), method.begin(), method.end());
    return bus_.busctl(words).text;
  }
  Caller::Reply acknowledge(const char* property, int code) {
    return caller_->call("Acknowledge", "ssist", property, "21.50", code, "warm", std::uint64_t{7});
  }

  PrivateBus bus_;
  std::optional<Served> served_;
  std::optional<Caller> caller_;
};

TEST_F(TwinTest, AReportIsHandedOnAsItIsAndAnsweredWhenItIsOnDisk) {
  desk([](Desk& desk, Service& /*service*/) { desk.hold = true; });
  caller_->send("Report", "s", R"({"a": 1.10, "b": null})");
  ASSERT_TRUE(eventually([&] {
    bool held = false;
    desk([&](Desk& desk, Service& /*service*/) { held = desk.held.size() == 1; });
    return held;
  }));
  EXPECT_EQ(twin({"GetReported"}), R"(s "{}")") << "whoever waits delays no other";
  desk([](Desk& desk, Service& /*service*/) {
    EXPECT_THAT(desk.patches, ElementsAre(R"({"a": 1.10, "b": null})"));
    desk.held.at(0)();
  });
  EXPECT_EQ(caller_->take_reply().error, "");
}

TEST_F(TwinTest, WhatTheAgentRefusesHasTheNameOfItsFaultAndItsReason) {
  for (const core::Fault fault : {core::Fault::InvalidPayload, core::Fault::PayloadTooLarge, core::Fault::NotClaimed,
                                  core::Fault::StorageFailed, core::Fault::Busy}) {
    desk([&](Desk& desk, Service& /*service*/) { desk.refusal = core::Error{fault, "because", {}}; });
    const std::string name = "io.github.iotc_ha.Error." + std::string(core::name_of(fault));
    for (const auto& reply :
         {caller_->call("Report", "s", "{}"), caller_->claim({"target"}), acknowledge("target", 200)}) {
      EXPECT_EQ(reply.error, name);
      EXPECT_EQ(reply.text, "because");
    }
  }
}

TEST_F(TwinTest, TheTwinReadsAsTheAgentHasIt) {
  desk([](Desk& desk, Service& /*service*/) {
    desk.reported = R"({"a":"caf\u00e9)"
                    "\xff\"}";
    desk.desired = {R"({"b":2})", 1'234};
    desk.unacknowledged = {"b", "thermostat*target", "\xff"};
  });
  EXPECT_THAT(twin({"GetReported"}), HasSubstr("caf"));
  EXPECT_EQ(twin({"GetDesired"}), R"(st "{\"b\":2}" 1234)");
  EXPECT_THAT(bus_.get_property("Unacknowledged", "Twin1"), HasSubstr(R"(as 3 "b" "thermostat*target" ")"));
  EXPECT_THAT(served_->notes(), IsEmpty()) << "what is not UTF-8 does not end the connection";
}

TEST_F(TwinTest, ThatPropertiesWaitForAnAnswerIsToldByPropertiesChanged) {
  Monitor monitor(bus_);
  desk([](Desk& desk, Service& service) {
    desk.unacknowledged = {"target"};
    service.unacknowledged_changed();
  });
  EXPECT_EQ(monitor.signal()["payload"]["data"],
            Json::parse(R"(["io.github.iotc_ha.Twin1", {"Unacknowledged": {"type": "as", "data": ["target"]}}, []])"));
}

TEST_F(TwinTest, AClaimIsTheCallersOwnAndAnotherProgramIsToldWhichNameIsTaken) {
  EXPECT_EQ(caller_->claim({"target", "thermostat*target"}).error, "");
  EXPECT_EQ(caller_->claim({"target", "mode"}).error, "") << "again, and more";
  Caller other(bus_, "Twin1");
  const auto refused = other.claim({"free", "mode"});
  EXPECT_EQ(refused.error, k_busy);
  EXPECT_EQ(refused.text, "another program has \"mode\"");
  desk([&](Desk& desk, Service& /*service*/) {
    const core::Caller name = caller_->unique_name();
    EXPECT_EQ(desk.properties, (Desk::Owners{{"target", name}, {"thermostat*target", name}, {"mode", name}}));
  });
}

TEST_F(TwinTest, EveryNameThatCannotBeOneIsNamed) {
  const std::string longest(1'024, 'x');
  const std::string first_longer = longest + "x";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "properties must hold 1 to 1000 names, not 0"},
      {std::vector<std::string>(1'001, "a"), "properties must hold 1 to 1000 names, not 1001"},
      {{"a", ""}, "properties: a name must not be empty"},
      {{"a", first_longer}, "has 1025 bytes, and a name at most 1024"},
      {{"*a"}, R"(properties: "*a" must be "name" or "component*name")"},
      {{"a*"}, R"(properties: "a*" must be "name" or "component*name")"},
      {{"a*b*c"}, R"(properties: "a*b*c" must be "name" or "component*name")"},
      {{"*"}, R"(properties: "*" must be)"},
  };
  for (const auto& [names, expected] : cases) {
    const auto reply = caller_->claim(names);
    EXPECT_EQ(reply.error, k_invalid);
    EXPECT_THAT(reply.text, HasSubstr(expected));
  }
  desk([](Desk& desk, Service& /*service*/) { EXPECT_THAT(desk.properties, IsEmpty()); });
  std::vector<std::string> most{longest};
  while (most.size() < 1'000) most.push_back("p" + std::to_string(most.size()));
  EXPECT_EQ(caller_->claim(most).error, "");
  desk([](Desk& desk, Service& /*service*/) { EXPECT_THAT(desk.properties, SizeIs(1'000)); });
}

TEST_F(TwinTest, AnAcknowledgementReachesTheAgentWithAllItSays) {
  EXPECT_EQ(acknowledge("thermostat*target", 202).error, "");
  desk([&](Desk& desk, Service& /*service*/) {
    ASSERT_THAT(desk.acknowledged, SizeIs(1));
    EXPECT_EQ(desk.acknowledged[0].by, caller_->unique_name());
    EXPECT_EQ(desk.acknowledged[0].what, (azure::Acknowledgement{"thermostat*target", "21.50", 202, 7, "warm"}));
  });
}

TEST_F(TwinTest, AnAcknowledgementThatMakesNoSenseIsRefusedBeforeTheAgent) {
  for (const int code : {99, 600, 0, -200}) {
    const auto reply = acknowledge("target", code);
    EXPECT_EQ(reply.error, k_invalid);
    EXPECT_EQ(reply.text, "code must be 100 to 599, not " + std::to_string(code));
  }
  EXPECT_EQ(acknowledge("", 200).text, "property: a name must not be empty");
  EXPECT_THAT(acknowledge("a*b*c", 200).text, HasSubstr("must be \"name\" or \"component*name\""));
  desk([](Desk& desk, Service& /*service*/) { EXPECT_THAT(desk.acknowledged, IsEmpty()); });
  EXPECT_EQ(acknowledge("target", 100).error, "");
  EXPECT_EQ(acknowledge("target", 599).error, "");
}

TEST_F(TwinTest, DesiredChangesReachTheClaimerAndNobodyElse) {
  Caller other(bus_, "Twin1");
  other.listen();
  ASSERT_EQ(caller_->claim({"target"}).error, "");
  ASSERT_EQ(other.claim({"mode"}).error, "");
  desk([&](Desk& desk, Service& service) {
    service.desired_changed(desk.properties.at("target"), R"({"target":1.10})", 7);
    service.desired_changed(desk.properties.at("target"), "{\"target\":\"\xff\"}", 8);
    service.failed_over("hub-a", "hub-b", {});
  });
  EXPECT_EQ(caller_->take_signal(), (Caller::Signal{"DesiredChanged", {R"({"target":1.10})", "7"}}));
  EXPECT_EQ(caller_->take_signal(), (Caller::Signal{"DesiredChanged", {"{\"target\":\"\uFFFD\"}", "8"}}));
  EXPECT_EQ(other.take_signal().member, "FailedOver") << "and nothing before it";
}

TEST_F(TwinTest, MoreCallsThanMayWaitAreAnsweredBusyAtOnce) {
  desk([](Desk& desk, Service& /*service*/) { desk.hold = true; });
  std::vector<std::unique_ptr<Caller>> callers;  // the bus lets each have 128 calls unanswered
  for (int i = 0; i < 10; ++i) callers.push_back(std::make_unique<Caller>(bus_, "Twin1"));
  for (const auto& caller : callers) {
    for (int i = 0; i < 100; ++i) caller->send("Report", "s", "{}");
  }
  ASSERT_TRUE(eventually([&] {
    std::size_t held = 0;
    desk([&](Desk& desk, Service& /*service*/) { held = desk.held.size(); });
    return held == 1'000;
  }));
  const auto refused = caller_->call("Report", "s", "{}");
  EXPECT_EQ(refused.error, k_busy);
  EXPECT_EQ(refused.text, "1000 calls of Report are waiting already");
}

}  // namespace
}  // namespace iotc_ha::bus
