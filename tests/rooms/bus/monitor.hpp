#pragma once

#include "private_bus.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace iotc_ha::bus {

/// `busctl monitor`, from the moment when it listens.
class Monitor {
 public:
  explicit Monitor(const PrivateBus& bus)
      : child_({"busctl", "--address=" + bus.address(), "--json=short", "monitor", "io.github.iotc_ha"}) {
    const auto line = child_.line();
    if (line != "Monitoring bus message stream.")
      throw std::runtime_error("busctl monitor: " + line.value_or("nothing"));
  }
  /// The next signal of ours; null when there is none in time.
  nlohmann::json signal() {
    while (const auto line = child_.line()) {
      nlohmann::json message = nlohmann::json::parse(*line);
      if (message["type"] == "signal" && message["path"] == "/io/github/iotc_ha") return message;
    }
    return {};
  }

 private:
  Child child_;
};

}  // namespace iotc_ha::bus
