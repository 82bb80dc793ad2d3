#pragma once

#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <org.freedesktop.LogControl1.hpp>

#include <string>

namespace iotc_ha::bus {

/// The object /org/freedesktop/LogControl1 on one connection, for `systemctl service-log-level`.
class LogControl final : public sdbus::AdaptorInterfaces<org::freedesktop::LogControl1_adaptor> {
 public:
  LogControl(sdbus::IConnection& connection, const Requests& requests);
  virtual ~LogControl();
  LogControl(const LogControl&) = delete;
  LogControl& operator=(const LogControl&) = delete;

 private:
  std::string LogLevel() override { return requests_.log_level(); }
  void LogLevel(const std::string& value) override;
  std::string LogTarget() override { return requests_.log_target(); }
  void LogTarget(const std::string& value) override;
  std::string SyslogIdentifier() override { return "iotc-ha"; }

  const Requests& requests_;
};

}  // namespace iotc_ha::bus
