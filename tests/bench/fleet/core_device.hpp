#pragma once

#include "fleet.hpp"

#include <iotc_ha/core/supervisor.hpp>

namespace iotc_ha::bench {

/// What all devices of a fleet have in common.
struct CoreRules {
  explicit CoreRules(const core::Policy& policy);
  core::Context context;
  core::Supervisor connected;  ///< long since, on the hub that is about to be lost
};

/// The real core, with the daemon's interpreter reduced to what a fleet can tell.
class CoreDevice : public Device {
 public:
  /// `rules` outlive it.
  explicit CoreDevice(CoreRules& rules) : rules_(rules), supervisor_(rules.connected) {}
  void on(const Happening& happening, Fleet& fleet) override;
  [[nodiscard]] bool connected() const override {
    return std::holds_alternative<core::state::Connected>(supervisor_.state);
  }

 private:
  void step(const core::Event& event, std::uint32_t device, Fleet& fleet);

  CoreRules& rules_;
  core::Supervisor supervisor_;
  Instant armed_ = Instant::max();  ///< the one alarm that is set
};

}  // namespace iotc_ha::bench
