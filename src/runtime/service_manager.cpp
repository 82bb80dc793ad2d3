#include <iotc_ha/runtime/service_manager.hpp>

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>

namespace iotc_ha::runtime::service_manager {
namespace {

// sd_notify's answer is of no use to us: an error means that no service manager listens.
void tell(const std::string& state) { static_cast<void>(sd_notify(0, state.c_str())); }

}  // namespace

void ready() { tell("READY=1"); }

void reloading() {
  // systemd 253 and later want the monotonic time with RELOADING=1 (Type=notify-reload); earlier ones ignore it.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t usec =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U + static_cast<std::uint64_t>(now.tv_nsec) / 1'000U;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void stopping() { tell("STOPPING=1"); }
void status(const std::string& line) { tell("STATUS=" + line); }
void alive() { tell("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
  return std::chrono::microseconds{usec};
}

}  // namespace iotc_ha::runtime::service_manager
