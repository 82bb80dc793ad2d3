#pragma once

#include "harness/scene.hpp"

#include <string>

namespace iotc_ha::integration {

/// The stories of a hub that refuses the device. A hub does so with CONNACK 3 or with 5, and both must lead to DPS.
class HubRefuses : public Scene {
 protected:
  /// `code`: of the CONNACK. `fault`: its name in LastError.
  HubRefuses(std::string code, std::string fault) : code_(std::move(code)), fault_(std::move(fault)) {}

  void daemon_asks_dps_at_once_and_moves();
  void if_dps_still_names_the_hub_the_daemon_waits_and_asks_again();

 private:
  const std::string code_;
  const std::string fault_;
};

}  // namespace iotc_ha::integration
