#include "storm.hpp"

#include <cstdlib>
#include <iostream>
#include <stdexcept>

namespace iotc_ha::integration {

unsigned seed_of_this_run() {
  const char* chosen = std::getenv("IOTC_HA_SEED");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  const unsigned seed = chosen != nullptr ? static_cast<unsigned>(std::stoul(chosen)) : 20'261'123;
  std::cout << "seed " << seed << " (IOTC_HA_SEED=N for another)\n";
  return seed;
}

void Storm::strike() {
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

void Storm::calm() {
  lizard_.revive("all");
  lizard_.act({"throttle", "--off"});
}

void Storm::attack_or_revive(const std::string& target, const std::string& how, const Command& options) {
  const LizardStatus status = lizard_.status();
  const std::string& state = target == "dps" ? status.dps.state : status.hub(target).state;
  if (state != "up" && state != "throttled") return lizard_.revive(target);
  lizard_.attack(target, how, options);
}

void Storm::move() {
  const std::string target = lizard_.device(device_).assigned == "hub-a" ? "hub-b" : "hub-a";
  try {
    lizard_.act({"move", device_, target});
  } catch (const std::runtime_error&) {
    // DPS has moved it there in the meantime, because of an earlier blow.
    if (lizard_.device(device_).assigned != target) throw;
  }
}

}  // namespace iotc_ha::integration
