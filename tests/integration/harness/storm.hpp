#pragma once

#include "lizard.hpp"

#include <chrono>
#include <random>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// IOTC_HA_SEED, or one that is the same each time; printed, so that what happened can be had again.
[[nodiscard]] unsigned seed_of_this_run();

/// `[failover]` with waits short enough for a storm to end within a test.
inline constexpr const char* k_storm_pace =
    "[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"1s\"\ndps_backoff_base = \"100ms\"\n"
    "dps_backoff_max = \"1s\"\nsame_hub_wait = \"200ms\"\nsame_hub_wait_max = \"1s\"\nsuspect_after = "
    "\"300ms\"\nsilent_after = \"1s\"\n"
    "remembered_timeout = \"2s\"\nconnect_timeout = \"2s\"\ndps_timeout = \"2s\"\nstable_after = \"1s\"\ndps_budget = "
    "3600\n";

/// Blows of a lizard without a plan. What is down already is revived.
class Storm {
 public:
  Storm(Lizard& lizard, std::string device, unsigned seed)
      : lizard_(lizard), device_(std::move(device)), chance_(seed) {}

  void strike();
  void calm();  ///< all is well again
  /// Up to two seconds: sometimes the daemon has not yet answered the last blow when the next one comes.
  [[nodiscard]] std::chrono::milliseconds pause() { return std::chrono::milliseconds{number(2000)}; }

 private:
  void attack_or_revive(const std::string& target, const std::string& how, const Command& options = {});
  void move();
  int number(int below) { return std::uniform_int_distribution<int>{0, below - 1}(chance_); }
  std::string any(const std::vector<std::string>& choices) {
    return choices[static_cast<std::size_t>(number(static_cast<int>(choices.size())))];
  }

  Lizard& lizard_;
  const std::string device_;
  std::mt19937 chance_;
};

}  // namespace iotc_ha::integration
