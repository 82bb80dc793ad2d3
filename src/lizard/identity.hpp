#pragma once

#include "settings.hpp"

#include <iotc_ha/core/error.hpp>

namespace iotc_ha::lizard {

/// Fills in the group key and the IoT Central token where no option gave them: those kept in the state directory
/// (`identity.json`), made at the first run, so that a configuration stays good over a restart of the lizard.
[[nodiscard]] core::Result<void> keep_identity(Settings& settings);

}  // namespace iotc_ha::lizard
