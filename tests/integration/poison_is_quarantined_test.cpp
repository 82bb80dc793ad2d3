#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

constexpr const char* k_quick =
    "[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"200ms\"\nsame_hub_wait = \"100ms\"\n"
    "same_hub_wait_max = \"200ms\"\nstable_after = \"100ms\"\n";
constexpr const char* k_poison = R"({"taste":"bitter"})";

class PoisonIsQuarantined : public Scene {
 protected:
  std::uint64_t submit(const std::string& text) {
    const auto sequence = caller().submit(text);
    if (!sequence) throw std::runtime_error(sequence.error().text);
    return *sequence;
  }
  void submit_harmless(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const std::string text = R"({"caller":0,"number":)" + std::to_string(++number_) + "}";
      accepted_.emplace(submit(text), text);
    }
  }
  /// The poison is told as such and lies aside; everything else has arrived, in order.
  void expect_quarantined(std::uint64_t poison) {
    ASSERT_TRUE(eventually([&] { return Arrivals(lizard().telemetry()).size() == accepted_.size(); }));
    ASSERT_TRUE(eventually([&] { return figure("Quarantined") == 1; }));
    ASSERT_TRUE(eventually([&] { return bus().drops().size() == 1; }));
    const Drop drop = bus().drops().front();
    EXPECT_EQ(drop.first, poison);
    EXPECT_EQ(drop.last, poison);
    EXPECT_EQ(drop.reason, "quarantined");
    const Arrivals arrivals(lizard().telemetry());
    arrivals.expect({accepted_});
    EXPECT_FALSE(arrivals.contains(poison));
    EXPECT_EQ(figure("Dropped"), 0U);
    expect_audit_adds_up();
  }

  Accepted accepted_;

 private:
  unsigned number_ = 0;
};

TEST_F(PoisonIsQuarantined, AfterThreeClosedSessionsAndOneAloneAndEverythingElseArrives) {
  begin_for_callers(k_quick);
  lizard().act({"poison", "bitter"});
  submit_harmless(20);
  const std::uint64_t poison = submit(k_poison);
  submit_harmless(20);

  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.reconnect_count >= 3; }));
  expect_quarantined(poison);

  // It is kept aside for good: it does not come again, neither now nor in the next life.
  expect_clean_stop();
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  submit_harmless(5);
  expect_quarantined(poison);
  EXPECT_GE(bus().agent().state_since, 1U);
}

TEST_F(PoisonIsQuarantined, AloneInTheQueueItIsJudgedAsSoonAsThereIsAWitness) {
  begin_for_callers(k_quick);
  lizard().act({"poison", "bitter"});
  const std::uint64_t poison = submit(k_poison);
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.reconnect_count >= 4; }));
  submit_harmless(1);
  expect_quarantined(poison);
  expect_clean_stop();
}

TEST_F(PoisonIsQuarantined, AHubThatClosesOnEverythingCostsNoMessage) {
  allow_a_witness();  // if the hub takes messages again just when one is asked for
  begin_for_callers(k_quick);
  lizard().act({"poison", "number"});
  submit_harmless(20);
  ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.reconnect_count >= 10; }));
  lizard().act({"poison", "--off"});

  expect_arrived({accepted_});
  EXPECT_TRUE(bus().drops().empty());
  EXPECT_EQ(figure("Quarantined"), 0U);
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
