#include "config_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace iotc_ha::config {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

TEST(Failover, AProfileGivesTheDefaultsOfEachNumberWhereverItStands) {
  core::Policy expected = core::Policy::polite();
  expected.backoff_base = 3s;
  EXPECT_EQ(good("[failover]\nbackoff_base = \"3s\"\nprofile = \"polite\"\n").failover, expected);
}

TEST(Failover, EachNumberOfThePolicyCanBeSetAlone) {
  const auto policy_with = [](const std::string& line) { return good("[failover]\n" + line + "\n").failover; };
  const core::Policy fast = core::Policy::fast();
  const auto expect = [&](std::chrono::milliseconds core::Policy::*member, const std::string& key) {
    SCOPED_TRACE(key);
    core::Policy expected = fast;
    // A millisecond more or less is no default of anything, and keeps each base under its max.
    expected.*member += key.find("_max") == std::string::npos && key != "halted_wait" ? -1ms : 1ms;
    EXPECT_EQ(policy_with(key + " = \"" + std::to_string((expected.*member).count()) + "ms\""), expected);
  };
  expect(&core::Policy::connect_timeout, "connect_timeout");
  expect(&core::Policy::remembered_timeout, "remembered_timeout");
  expect(&core::Policy::dps_timeout, "dps_timeout");
  expect(&core::Policy::drain_timeout, "drain_timeout");
  expect(&core::Policy::head_start, "head_start");
  expect(&core::Policy::suspect_after, "suspect_after");
  expect(&core::Policy::silent_after, "silent_after");
  expect(&core::Policy::backoff_base, "backoff_base");
  expect(&core::Policy::backoff_max, "backoff_max");
  expect(&core::Policy::dps_backoff_base, "dps_backoff_base");
  expect(&core::Policy::dps_backoff_max, "dps_backoff_max");
  expect(&core::Policy::same_hub_wait, "same_hub_wait");
  expect(&core::Policy::same_hub_wait_max, "same_hub_wait_max");
  expect(&core::Policy::halted_wait, "halted_wait");
  expect(&core::Policy::halted_wait_max, "halted_wait_max");
  expect(&core::Policy::stable_after, "stable_after");
  EXPECT_EQ(policy_with("hub_patience = \"1ms\"").hub_patience, 1ms);
  EXPECT_FALSE(policy_with("early_poll = false").early_poll);
  EXPECT_EQ(policy_with("dps_budget = 61").dps_budget, 61U);
}

TEST(Failover, NoPatienceWithALostHubAndNoHeadStartAreValuesToo) {
  const core::Policy policy =
      good("[failover]\nprofile = \"polite\"\nhub_patience = \"0s\"\nhead_start = \"0ms\"\n").failover;
  EXPECT_EQ(policy.hub_patience, 0ms);
  EXPECT_EQ(policy.head_start, 0ms);
}

TEST(Failover, TheBudgetForDpsIsAWholeNumberAnHour) {
  EXPECT_EQ(good("[failover]\ndps_budget = 1\n").failover.dps_budget, 1U);
  EXPECT_EQ(good("[failover]\ndps_budget = 3600\n").failover.dps_budget, 3600U);
  for (const char* wrong : {"0", "3601", "-1", "\"60\"", "9223372036854775807", "1.5"}) {
    EXPECT_THAT(fault_of("[failover]\ndps_budget = " + std::string(wrong) + "\n"),
                StartsWith("iotc-ha.conf:7: failover.dps_budget: expected a whole number from 1 to 3600"))
        << wrong;
  }
}

TEST(Failover, ANameOfAnEarlierVersionLeadsToTheOneOfToday) {
  EXPECT_EQ(fault_of("[failover]\npuback_timeout = \"10s\"\n"),
            "iotc-ha.conf:7: failover.puback_timeout: is no longer there: failover.silent_after has taken its place");
}

TEST(Failover, AWaitMayNotBeLongerThanItsLimit) {
  EXPECT_EQ(
      fault_of("[failover]\nbackoff_base = \"2min\"\n"),
      "iotc-ha.conf:7: failover.backoff_base: expected backoff_base (2min) not to be longer than backoff_max (15s)");
  EXPECT_THAT(fault_of("[failover]\nhalted_wait_max = \"1s\"\n"),
              StartsWith("iotc-ha.conf:7: failover.halted_wait_max: "));
}

TEST(Failover, AHubIsSuspectedBeforeItIsDeclaredDead) {
  EXPECT_EQ(fault_of("[failover]\nsilent_after = \"1s\"\n"),
            "iotc-ha.conf:7: failover.silent_after: expected suspect_after (1s) to be shorter than silent_after (1s)");
  EXPECT_EQ(fault_of("[failover]\nsilent_after = \"4s\"\nprofile = \"polite\"\n"),
            "iotc-ha.conf:7: failover.silent_after: expected suspect_after (5s) to be shorter than silent_after (4s)");
}

TEST(Failover, AValueThatIsAFaultItselfIsNotHeldAgainstOthers) {
  EXPECT_THAT(fault_of("[failover]\nsuspect_after = 10\nsilent_after = \"500ms\"\n"),
              StartsWith("iotc-ha.conf:7: failover.suspect_after: expected a time"));
  EXPECT_THAT(fault_of("[failover]\nprofile = \"polit\"\nbackoff_base = \"2min\"\n"),
              StartsWith("iotc-ha.conf:7: failover.profile: expected \"fast\" | \"polite\""));
}

}  // namespace
}  // namespace iotc_ha::config
