#include "caller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::bus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

/// Programs that claim, and leave.
class ClaimersTest : public testing::Test {
 public:
  ClaimersTest() {
    bus_.start();
    served_.emplace(bus_.address());
  }

 protected:
  std::vector<core::Caller> left() {
    std::vector<core::Caller> left;
    served_->on_loop([&](Service& /*service*/) { left = served_->desk.left; });
    return left;
  }
  bool have_left(std::size_t count) {
    return eventually([&] { return left().size() == count; });
  }
  /// How many names the bus tells us of, asked of the bus itself.
  std::size_t rules() const {
    const std::string of_us = bus_.busctl({"--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                           "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules"})
                                  .text;
    std::size_t count = 0;
    for (std::size_t at = of_us.find("NameOwnerChanged"); at != std::string::npos;
         at = of_us.find("NameOwnerChanged", at + 1)) {
      ++count;
    }
    return count;
  }

  PrivateBus bus_;
  std::optional<Served> served_;
};

TEST_F(ClaimersTest, WhoeverLeavesTheBusIsToldOfOnceAndItsNamesAreFree) {
  auto first = std::make_unique<Caller>(bus_, "Twin1");
  Caller second(bus_, "Twin1");
  const core::Caller name = first->unique_name();
  ASSERT_EQ(first->claim({"target"}).error, "");
  ASSERT_EQ(first->claim({"mode"}).error, "");
  first->speak_to("Commands1");
  ASSERT_EQ(first->claim({"reboot"}).error, "");
  ASSERT_EQ(second.claim({"other"}).error, "");
  EXPECT_EQ(second.claim({"target"}).error, "io.github.iotc_ha.Error.Busy");
  first.reset();
  ASSERT_TRUE(have_left(1));
  EXPECT_EQ(second.claim({"target", "mode"}).error, "");
  EXPECT_THAT(left(), ElementsAre(name));
}

TEST_F(ClaimersTest, ANewProgramHasTheNamesOfTheOneThatLeftJustBefore) {
  for (int i = 0; i < 50; ++i) {
    Caller next(bus_, "Twin1");
    ASSERT_EQ(next.claim({"target"}).error, "") << i;
  }
}

TEST_F(ClaimersTest, WhoeverLeavesBeforeItsClaimIsAnsweredHasClaimedNothing) {
  for (int i = 0; i < 20; ++i) {
    auto hasty = std::make_unique<Caller>(bus_, "Twin1");
    served_->on_loop([&](Service& /*service*/) {  // its claim waits until it is gone
      hasty->send_strings("Claim", {"target"});
      hasty.reset();
    });
    Caller next(bus_, "Twin1");
    ASSERT_EQ(next.claim({"target"}).error, "") << i;
  }
}

TEST_F(ClaimersTest, NobodyButTheBusCanSayThatAProgramHasLeft) {
  Caller owner(bus_, "Twin1");
  Caller forger(bus_, "Twin1");
  ASSERT_EQ(owner.claim({"target"}).error, "");
  const std::string name = owner.unique_name();
  forger.emit_to("io.github.iotc_ha", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
                 name.c_str(), name.c_str(), "");
  EXPECT_EQ(forger.claim({"target"}).error, "io.github.iotc_ha.Error.Busy");
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(ClaimersTest, WhoeverHasClaimedNothingIsNotToldOf) {
  auto reader = std::make_unique<Caller>(bus_, "Twin1");
  auto refused = std::make_unique<Caller>(bus_, "Twin1");
  auto owner = std::make_unique<Caller>(bus_, "Twin1");
  ASSERT_EQ(reader->call("Report", "s", "{}").error, "");
  ASSERT_EQ(owner->claim({"target"}).error, "");
  ASSERT_NE(refused->claim({"target"}).error, "");
  const core::Caller name = owner->unique_name();
  reader.reset();
  refused.reset();
  owner.reset();
  ASSERT_TRUE(have_left(1));
  EXPECT_THAT(left(), ElementsAre(name));
}

TEST_F(ClaimersTest, TheBusTellsOfThoseThatHaveClaimedAndOfNobodyElse) {
  EXPECT_EQ(rules(), 0U);
  auto first = std::make_unique<Caller>(bus_, "Twin1");
  auto second = std::make_unique<Caller>(bus_, "Twin1");
  ASSERT_EQ(first->claim({"a"}).error, "");
  ASSERT_EQ(first->claim({"b"}).error, "");
  ASSERT_EQ(second->claim({"c"}).error, "");
  EXPECT_EQ(rules(), 2U);
  first.reset();
  EXPECT_TRUE(eventually([&] { return rules() == 1; }));
  second.reset();
  EXPECT_TRUE(eventually([&] { return rules() == 0; }));
}

TEST_F(ClaimersTest, MoreProgramsThanMayClaimAreAnsweredBusy) {
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 128; ++i) {
    callers.push_back(std::make_unique<Caller>(bus_, "Twin1"));
    ASSERT_EQ(callers.back()->claim({"p" + std::to_string(i)}).error, "");
  }
  Caller one_more(bus_, "Twin1");
  const auto refused = one_more.claim({"another"});
  EXPECT_EQ(refused.error, "io.github.iotc_ha.Error.Busy");
  EXPECT_EQ(refused.text, "128 programs have claimed something already");
  EXPECT_EQ(callers.front()->claim({"more"}).error, "") << "who has a place may claim more";
  callers.pop_back();
  ASSERT_TRUE(have_left(1));
  EXPECT_EQ(one_more.claim({"another"}).error, "");
}

TEST_F(ClaimersTest, WhenTheBusIsLostAllHaveLeftAndTheNextBusBeginsAnew) {
  auto first = std::make_unique<Caller>(bus_, "Twin1");
  auto second = std::make_unique<Caller>(bus_, "Commands1");
  const std::vector<core::Caller> names{first->unique_name(), second->unique_name()};
  ASSERT_EQ(first->claim({"target"}).error, "");
  ASSERT_EQ(second->claim({"reboot"}).error, "");
  bus_.kill();
  ASSERT_TRUE(served_->noted("no connection"));
  EXPECT_THAT(left(), UnorderedElementsAre(names[0], names[1]));
  served_->on_loop([&](Service& service) {
    service.desired_changed(names[0], "{}", 1);
    service.invoked(names[1], {});
    service.unacknowledged_changed();
  });
  first.reset();
  second.reset();
  bus_.start();
  ASSERT_TRUE(served_->noted("is on the bus"));
  Caller next(bus_, "Twin1");
  EXPECT_EQ(next.claim({"target"}).error, "");
  EXPECT_THAT(left(), SizeIs(2));
  EXPECT_THAT(served_->notes(), SizeIs(2));
}

TEST_F(ClaimersTest, ASignalForAProgramThatHasLeftGoesNowhere) {
  auto caller = std::make_unique<Caller>(bus_, "Twin1");
  const core::Caller name = caller->unique_name();
  ASSERT_EQ(caller->claim({"target"}).error, "");
  caller.reset();
  served_->on_loop([&](Service& service) { service.desired_changed(name, "{}", 1); });
  ASSERT_TRUE(have_left(1));
  EXPECT_EQ(bus_.get_property("Version"), R"(s "1.2.3")");
  EXPECT_THAT(served_->notes(), IsEmpty());
}

}  // namespace
}  // namespace iotc_ha::bus
