#include "hub_refuses.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

class HubRefusesWith3 : public HubRefuses {
 protected:
  HubRefusesWith3() : HubRefuses("3", "HubUnavailable") {}
};

TEST_F(HubRefusesWith3, DaemonAsksDpsAtOnceAndMoves) { daemon_asks_dps_at_once_and_moves(); }

TEST_F(HubRefusesWith3, IfDpsStillNamesTheHubTheDaemonWaitsAndAsksAgain) {
  if_dps_still_names_the_hub_the_daemon_waits_and_asks_again();
}

}  // namespace
}  // namespace iotc_ha::integration
