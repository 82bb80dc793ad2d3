#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <stdexcept>

namespace iotc_ha::integration {
namespace {

using AttackStorm = Scene;

/// Blows of a lizard without a plan. What is down already is revived.
class Storm {
 public:
  Storm(Lizard& lizard, std::string device, unsigned seed)
      : lizard_(lizard), device_(std::move(device)), chance_(seed) {}

  void strike() {
    const std::string hub = any({"hub-a", "hub-b"});
    switch (number(8)) {
      case 0: return attack_or_revive(hub, "kill");
      case 1: return attack_or_revive(hub, "unplug");
      case 2: return attack_or_revive(hub, "refuse", {"--code", any({"3", "5"})});
      case 3: return attack_or_revive(hub, "drop");
      case 4: return attack_or_revive("dps", any({"kill", "unplug", "refuse"}));
      case 5: return lizard_.act({"throttle", "--retry-after", "1", "--for", "2"});
      default: return move();
    }
  }
  /// Up to two seconds: sometimes the daemon has not yet answered the last blow when the next one comes.
  [[nodiscard]] std::chrono::milliseconds pause() { return std::chrono::milliseconds{number(2000)}; }

 private:
  void attack_or_revive(const std::string& target, const std::string& how, const Command& options = {}) {
    const LizardStatus status = lizard_.status();
    const std::string& state = target == "dps" ? status.dps.state : status.hub(target).state;
    if (state != "up" && state != "throttled") return lizard_.revive(target);
    lizard_.attack(target, how, options);
  }
  void move() {
    const std::string target = lizard_.device(device_).assigned == "hub-a" ? "hub-b" : "hub-a";
    try {
      lizard_.act({"move", device_, target});
    } catch (const std::runtime_error&) {
      // DPS has moved it there in the meantime, because of an earlier blow.
      if (lizard_.device(device_).assigned != target) throw;
    }
  }
  int number(int below) { return std::uniform_int_distribution<int>{0, below - 1}(chance_); }
  std::string any(const std::vector<std::string>& choices) {
    return choices[static_cast<std::size_t>(number(static_cast<int>(choices.size())))];
  }

  Lizard& lizard_;
  const std::string device_;
  std::mt19937 chance_;
};

TEST_F(AttackStorm, WhateverTheOrderOfBlowsTheDaemonComesBackWithEverything) {
  const char* chosen = std::getenv("IOTC_HA_SEED");  // NOLINT(concurrency-mt-unsafe): there is one thread
  const unsigned seed = chosen != nullptr ? static_cast<unsigned>(std::stoul(chosen)) : 20'261'123;
  std::cout << "seed " << seed << " (IOTC_HA_SEED=N for another)\n";
  begin(
      "[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"1s\"\ndps_backoff_base = \"100ms\"\n"
      "dps_backoff_max = \"1s\"\nsame_hub_wait = \"200ms\"\nsame_hub_wait_max = \"1s\"\npuback_timeout = \"1s\"\n"
      "remembered_timeout = \"2s\"\nconnect_timeout = \"2s\"\ndps_timeout = \"2s\"\nstable_after = \"1s\"\n");
  Storm storm(lizard(), k_device, seed);
  constexpr int k_blows = 15;
  for (int i = 0; i < k_blows; ++i) {
    storm.strike();
    // Not a wait for something to happen: the pause is the weather.
    EXPECT_FALSE(eventually([&] { return !daemon().running(); }, storm.pause())) << "the daemon has ended";
  }
  lizard().revive("all");
  lizard().act({"throttle", "--off"});

  ASSERT_TRUE(eventually([&] { return !lizard().device(k_device).connected_to.empty(); }));
  ASSERT_TRUE(await_fresh_telemetry());
  ASSERT_TRUE(await_state("Connected"));
  const Agent agent = bus().agent();
  EXPECT_EQ(agent.failover_count, bus().failovers().size());
  EXPECT_EQ(agent.current_hub, lizard().address_of(lizard().device(k_device).connected_to));
  expect_good_end();
}

}  // namespace
}  // namespace iotc_ha::integration
