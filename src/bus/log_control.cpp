#include "log_control.hpp"

#include "text.hpp"

namespace iotc_ha::bus {
namespace {

/// Every error that a caller gets has a name that says what to do about it.
void throw_if_failed(const core::Result<void>& result) {
  if (result) return;
  const core::Error& error = result.error();
  const bool bad_argument = error.fault == core::Fault::BadConfiguration || error.fault == core::Fault::InvalidPayload;
  const std::string name = bad_argument ? "org.freedesktop.DBus.Error.InvalidArgs"
                                        : "io.github.iotc_ha.Error." + std::string(core::name_of(error.fault));
  throw sdbus::Error(ErrorName{name}, sendable(error.what));
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
