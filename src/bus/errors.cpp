#include "errors.hpp"

#include "text.hpp"

namespace iotc_ha::bus {

sdbus::Error as_dbus_error(const core::Error& error) {
  if (error.fault == core::Fault::BadConfiguration) return invalid_argument(error.what);
  return {ErrorName{"io.github.iotc_ha.Error." + std::string(core::name_of(error.fault))}, sendable(error.what)};
}

sdbus::Error invalid_argument(const std::string& what) {
  return {ErrorName{"org.freedesktop.DBus.Error.InvalidArgs"}, sendable(what)};
}

}  // namespace iotc_ha::bus
