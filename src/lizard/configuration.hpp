#pragma once

#include "settings.hpp"

#include <string>

namespace iotc_ha::lizard {

/// A configuration for iotc-had (TOML) that leads the device to this lizard.
[[nodiscard]] std::string device_configuration(const Settings& settings, const std::string& device_id,
                                               const std::string& model_id);

/// Where the window is, `http://127.77.0.1:7777/`; "" when there is none.
[[nodiscard]] std::string window_url(const Settings& settings);

/// Where a lizard keeps its state when nobody says otherwise: $IOTC_HA_LIZARD_STATE, $RUNTIME_DIRECTORY (in a unit), as
/// root /run/iotc-ha-lizard, else $XDG_RUNTIME_DIR/iotc-ha-lizard. "" when none of these is known.
[[nodiscard]] std::string default_state_dir();

}  // namespace iotc_ha::lizard
