#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/hub/session.hpp>

#include <chrono>

namespace iotc_ha::hub {

/// Through which door Transport::Auto goes: 8883, or 443 where a network lets nothing else through. Pure.
class Doors {
 public:
  /// Where an attempt begins: the door that got through last on this network, else 8883.
  [[nodiscard]] Transport first() const { return through_; }
  [[nodiscard]] static Transport other_than(Transport door) {
    return door == Transport::Mqtt ? Transport::WebSocket : Transport::Mqtt;
  }
  /// How much of an attempt's time is the first door's.
  [[nodiscard]] static std::chrono::milliseconds patience(std::chrono::milliseconds timeout) { return timeout / 2; }
  /// Whether the other door may help: the network was in the way, as far as can be told. Not when the hub itself has
  /// refused, its name or its certificate is the trouble, or we are.
  [[nodiscard]] static bool is_shut(core::Fault fault) {
    return fault == core::Fault::Unreachable || fault == core::Fault::TimedOut;
  }
  /// Whether it is the hub itself that has refused.
  [[nodiscard]] static bool is_answer(core::Fault fault) {
    return fault >= core::Fault::HubUnavailable && fault <= core::Fault::HubProtocol;
  }

  /// The hub has spoken through this one.
  void got_through(Transport door) { through_ = door; }
  void network_changed() { through_ = Transport::Mqtt; }

 private:
  Transport through_ = Transport::Mqtt;
};

}  // namespace iotc_ha::hub
