#pragma once

#include "sdbus.hpp"

#include <iotc_ha/core/error.hpp>

#include <string>

namespace iotc_ha::bus {

/// What a caller gets for a failure of ours: every error has a name that says what to do about it.
[[nodiscard]] sdbus::Error as_dbus_error(const core::Error& error);
/// org.freedesktop.DBus.Error.InvalidArgs; `what` names the argument and what was expected of it.
[[nodiscard]] sdbus::Error invalid_argument(const std::string& what);

}  // namespace iotc_ha::bus
