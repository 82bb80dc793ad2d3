#pragma once

#include <iotc_ha/core/error.hpp>

#include <chrono>
#include <string>

/// How the core says things to people. Private to the room.
namespace iotc_ha::core {

/// Two units at most: "0.3 s", "45 s", "3 min 5 s", "3 h 12 min", "2 d 4 h".
[[nodiscard]] std::string spoken(std::chrono::microseconds duration);

/// What happened, its name, and, where the name alone says little, what may be behind it:
/// "the connection was closed (ConnectionLost)", "hub-a refused the session (HubUnavailable: …)"
[[nodiscard]] std::string spoken(const Error& error);

}  // namespace iotc_ha::core
