#pragma once

#include "broker.hpp"
#include "certificates.hpp"
#include "desk.hpp"
#include "scripted_peer.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace iotc_ha::hub_test {

using namespace std::chrono_literals;

inline constexpr auto k_soon = 15s;  // for what must come; only a failing test waits so long

/// What most tests need: an authority, a certificate for our address, a desk.
class HubRoom : public testing::Test {
 protected:
  [[nodiscard]] hub::Endpoint endpoint(std::uint16_t port) const {
    hub::Endpoint endpoint;
    endpoint.assignment = {own_address(), "dev-1"};
    endpoint.mqtt_port = port;
    endpoint.user_name = own_address() + "/dev-1/?api-version=2021-04-12";
    endpoint.password = core::Secret("SharedAccessSignature sr=x&sig=y&se=1");
    endpoint.timeout = 10s;
    endpoint.ca_file = authority.file();
    return endpoint;
  }

  /// Opens a session and waits until it is open.
  [[nodiscard]] bool opened(Desk& desk, core::AttemptId attempt, std::uint16_t port) const {
    desk.run([&](hub::Sessions& sessions) { sessions.open(attempt, endpoint(port)); });
    return desk.wait_for<hub::Opened>(k_soon).has_value();
  }

  /// The same, and waits until the hub has dealt with the subscriptions, as the answer about the twin shows: what the
  /// hub's player publishes from now on finds its way. Needs the player.
  [[nodiscard]] bool served(Desk& desk, core::AttemptId attempt, std::uint16_t port) const {
    constexpr std::uint64_t k_rid = 4'711;
    if (!opened(desk, attempt, port)) return false;
    desk.run([&](hub::Sessions& sessions) { sessions.get_twin(attempt, k_rid); });
    return desk.wait_for<hub::TwinAnswered>(k_soon, [](const auto& answer) { return answer.rid == k_rid; }).has_value();
  }

  /// Opens a session that must not come about, and answers why.
  [[nodiscard]] core::Error refusal(const hub::Endpoint& to) const {
    Desk desk;
    desk.run([&](hub::Sessions& sessions) { sessions.open(core::AttemptId{1}, to); });
    const auto lost = desk.wait_for<hub::Lost>(to.timeout + k_soon);
    if (!lost) return {core::Fault::BadConfiguration, "nothing was lost", {}};
    return lost->error;
  }

  TemporaryFolder folder;
  Authority authority{folder.path(), "authority"};
  KeyPair keys = authority.issue("IP:" + own_address());
};

}  // namespace iotc_ha::hub_test
