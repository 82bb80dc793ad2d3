#pragma once

#include "fleet.hpp"

#include <string>
#include <vector>

namespace iotc_ha::bench {

struct Line {
  std::string name;
  Outcome outcome;
};

/// An SVG: devices connected over time, and below it what DPS is asked meanwhile; one line a policy. It takes its
/// colours from what the reader has asked for, light or dark.
[[nodiscard]] std::string plot(const Scenario& scenario, const std::vector<Line>& lines);

}  // namespace iotc_ha::bench
