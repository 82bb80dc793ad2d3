#pragma once

#include "settings.hpp"

namespace iotc_ha::lizard {

/// `iotc-ha-lizard run`: returns the exit status. `as_json`: events as JSON lines.
[[nodiscard]] int run(Settings settings, bool as_json);

}  // namespace iotc_ha::lizard
