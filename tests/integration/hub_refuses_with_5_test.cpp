#include "hub_refuses.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

class HubRefusesWith5 : public HubRefuses {
 protected:
  HubRefusesWith5() : HubRefuses("5", "HubNotAuthorized") {}
};

TEST_F(HubRefusesWith5, DaemonAsksDpsAtOnceAndMoves) { daemon_asks_dps_at_once_and_moves(); }

TEST_F(HubRefusesWith5, IfDpsStillNamesTheHubTheDaemonWaitsAndAsksAgain) {
  if_dps_still_names_the_hub_the_daemon_waits_and_asks_again();
}

}  // namespace
}  // namespace iotc_ha::integration
