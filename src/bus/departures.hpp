#pragma once

#include "sdbus.hpp"

#include <functional>
#include <string>

namespace iotc_ha::bus {

inline constexpr const char* k_dbus = "org.freedesktop.DBus";
inline constexpr const char* k_dbus_path = "/org/freedesktop/DBus";

/// Hears that names leave the bus, those that somebody has asked the bus to tell of: see rule_for().
class Departures {
 public:
  /// Blocks until the bus has answered: for the worker. Throws sdbus::Error.
  explicit Departures(sdbus::IConnection& connection);
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  /// The rule to give to AddMatch of the bus, so that it tells of this name.
  [[nodiscard]] static std::string rule_for(const std::string& name);

  std::function<void(const std::string& name)> heard;  ///< on the thread that handles the connection's messages

 private:
  sdbus::Slot slot_;
};

}  // namespace iotc_ha::bus
