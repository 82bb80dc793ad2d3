#include "log_control.hpp"

#include "errors.hpp"

namespace iotc_ha::bus {
namespace {

void throw_if_failed(const core::Result<void>& result) {
  if (!result) throw as_dbus_error(result.error());
}

}  // namespace

LogControl::LogControl(sdbus::IConnection& connection, const Requests& requests)
    : AdaptorInterfaces(connection, sdbus::ObjectPath{"/org/freedesktop/LogControl1"}), requests_(requests) {
  registerAdaptor();
}

LogControl::~LogControl() { unregisterAdaptor(); }

void LogControl::LogLevel(const std::string& value) { throw_if_failed(requests_.set_log_level(value)); }
void LogControl::LogTarget(const std::string& value) { throw_if_failed(requests_.set_log_target(value)); }

}  // namespace iotc_ha::bus
