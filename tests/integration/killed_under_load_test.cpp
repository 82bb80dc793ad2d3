#include "harness/arrivals.hpp"
#include "harness/scene.hpp"
#include "harness/storm.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <set>

namespace iotc_ha::integration {
namespace {

using std::chrono::milliseconds;

/// What a caller may be told when nobody is there to answer.
const std::set<std::string> k_nobody_there{"org.freedesktop.DBus.Error.NoReply",
                                           "org.freedesktop.DBus.Error.ServiceUnknown",
                                           "org.freedesktop.DBus.Error.NameHasNoOwner"};

using KilledUnderLoad = Scene;

TEST_F(KilledUnderLoad, WhateverWasAnsweredArrivesThoughTheDaemonIsKilledTwoHundredTimes) {
  constexpr int k_rounds = 200;
  begin_for_callers(k_storm_pace);
  std::mt19937 chance(seed_of_this_run());
  const auto number = [&chance](int below) { return std::uniform_int_distribution<int>{0, below - 1}(chance); };
  Load load(bus().address(), {.callers = 4, .under_way = 4, .pause_max = milliseconds{10}});
  for (int round = 0; round < k_rounds; ++round) {
    // Three times of four at work; else wherever it is in its start.
    if (number(4) != 0) {
      const std::uint64_t before = load.answered();
      ASSERT_TRUE(eventually([&] { return load.answered() > before; })) << "in round " << round;
    }
    EXPECT_FALSE(eventually([&] { return !daemon().running(); }, milliseconds{number(200)}))
        << "the daemon has ended by itself in round " << round;
    daemon().kill();
    start_daemon();
  }
  ASSERT_TRUE(await_telemetry_service());
  load.stop();

  for (const auto& [name, count] : load.refusals()) EXPECT_TRUE(k_nobody_there.contains(name)) << name << ": " << count;
  ASSERT_TRUE(await_delivery(load.accepted(), std::chrono::seconds{60}));
  const Arrivals arrivals(lizard().telemetry());
  arrivals.expect(load.accepted());
  arrivals.expect_no_gap();
  std::cout << "figure: " << k_rounds << " kills; " << load.answered() << " messages were answered, " << arrivals.size()
            << " arrived, " << arrivals.repeats() << " receipts were repeats\n";
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
