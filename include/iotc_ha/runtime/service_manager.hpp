#pragma once

#include <chrono>
#include <optional>
#include <string>

/// What systemd is told and tells (sd_notify(3), Type=notify). Without systemd every call does nothing.
namespace iotc_ha::runtime::service_manager {

void ready();
void reloading();
void stopping();
void status(const std::string& line);  ///< shown by `systemctl status`
void alive();                          ///< WATCHDOG=1

/// Within which time systemd wants to hear alive(); nothing when the unit has no WatchdogSec=.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace iotc_ha::runtime::service_manager
