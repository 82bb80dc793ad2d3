#pragma once

#include "sdbus.hpp"

#include <iotc_ha/core/telemetry.hpp>

#include <tl/expected.hpp>

#include <map>
#include <string>

namespace iotc_ha::bus {

/// The options of Submit and SubmitMany, as a message that only lacks its body. `now`: when it came about, if they do
/// not say. The error names the option and what is expected of it.
[[nodiscard]] tl::expected<core::Submission, std::string> read_options(
    const std::map<std::string, sdbus::Variant>& options, core::WallTime now);

}  // namespace iotc_ha::bus
