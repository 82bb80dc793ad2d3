#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <set>

namespace iotc_ha::integration {
namespace {

const std::set<std::string> k_refusals_of_one_that_stops{
    "io.github.iotc_ha.Error.Busy", "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown"};

class CleanStopDrains : public Scene {
 protected:
  /// In pieces of 100.
  void submit(std::uint64_t count) {
    for (std::uint64_t begin = 0; begin < count; begin += 100) {
      std::vector<std::string> texts;
      for (int i = 0; i < 100; ++i) texts.push_back(R"({"caller":0,"number":)" + std::to_string(++number_) + "}");
      const auto range = caller().submit_many(texts);
      ASSERT_TRUE(range.has_value()) << range.error().text;
      for (std::size_t i = 0; i < texts.size(); ++i) accepted_.emplace(range->first + i, texts[i]);
    }
  }

  Accepted accepted_;

 private:
  std::uint64_t number_ = 0;
};

TEST_F(CleanStopDrains, WhatCanBeDeliveredInTimeIs) {
  begin_for_callers();
  submit(500);
  expect_clean_stop();
  const auto account = daemon().account();
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->accepted, 500U);
  EXPECT_EQ(account->delivered, 500U);
  EXPECT_EQ(account->waiting, 0U);
  const Arrivals arrivals(lizard().telemetry());
  arrivals.expect({accepted_});
  EXPECT_EQ(arrivals.repeats(), 0U);
}

TEST_F(CleanStopDrains, TheRestOfALongQueueStaysOnDiskAndArrivesInTheNextLife) {
  constexpr std::uint64_t k_more_than_goes_in_five_seconds = 100'000;
  begin_without_hub();
  submit(k_more_than_goes_in_five_seconds);
  lizard().revive("dps");
  ASSERT_TRUE(eventually([&] { return lizard().telemetry_count() > 0; }));
  expect_clean_stop();
  const auto account = daemon().account();
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->accepted, k_more_than_goes_in_five_seconds);
  EXPECT_EQ(account->accepted, account->delivered + account->waiting);

  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  ASSERT_TRUE(await_delivery({accepted_}, std::chrono::seconds{60}));
  const Arrivals arrivals(lizard().telemetry());
  arrivals.expect({accepted_});
  arrivals.expect_no_gap();
  std::cout << "figure: " << account->waiting << " of " << account->accepted << " messages were left to the next life, "
            << arrivals.repeats() << " came twice\n";
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(CleanStopDrains, WithASilentHubItStillEndsInTimeAndAcceptsNothingMeanwhile) {
  begin_for_callers("[failover]\nsilent_after = \"20s\"\n");
  submit(100);
  ASSERT_TRUE(await_delivery({accepted_}));
  lizard().attack("hub-a", "unplug");
  submit(100);

  daemon().ask_to_stop();
  ASSERT_TRUE(await_state("Stopping"));
  const auto refused = caller().submit("1");
  ASSERT_FALSE(refused.has_value()) << "message " << *refused << " was accepted by a daemon that stops";
  EXPECT_TRUE(k_refusals_of_one_that_stops.contains(refused.error().name)) << refused.error().name;
  ASSERT_EQ(daemon().wait_for_end(std::chrono::seconds{5}), 0);
  const auto account = daemon().account();
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->accepted, 200U);
  EXPECT_EQ(account->delivered, 100U);
  EXPECT_EQ(account->waiting, 100U);

  lizard().revive("hub-a");
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  expect_arrived({accepted_});
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
