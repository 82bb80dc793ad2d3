#include "connection.hpp"

#include <systemd/sd-bus.h>

#include <system_error>
#include <utility>

namespace iotc_ha::bus {
namespace {

/// Whether a connection to `address` can be begun. sdbus-c++ 1.2.0 does not free its sd_bus when that fails
/// (SdBus::sd_bus_open_user_with_address), and we try for ever; so it is asked only for addresses that work.
std::error_code try_address(const std::string& address) {
  sd_bus* bus = nullptr;
  int result = sd_bus_new(&bus);
  if (result >= 0) result = sd_bus_set_address(bus, address.c_str());
  if (result >= 0) result = sd_bus_set_bus_client(bus, 1);
  if (result >= 0) result = sd_bus_start(bus);
  sd_bus_close_unref(bus);
  return result < 0 ? std::error_code(-result, std::generic_category()) : std::error_code{};
}

tl::expected<std::shared_ptr<sdbus::IConnection>, Refusal> connect(const std::string& address) {
  try {
    if (address == "system") return sdbus::createSystemBusConnection();
    if (address == "session") return sdbus::createSessionBusConnection();
    if (const std::error_code failed = try_address(address)) {
      return tl::unexpected(Refusal{Trouble::Unreachable, failed.message()});
    }
    return sdbus::createSessionBusConnectionWithAddress(address);
  } catch (const sdbus::Error& error) {
    return tl::unexpected(Refusal{Trouble::Unreachable, error.getMessage()});
  }
}

}  // namespace

tl::expected<Connection, Refusal> join_bus(const std::string& address) {
  auto bus = connect(address);
  if (!bus) return tl::unexpected(std::move(bus.error()));
  try {
    auto departures = std::make_unique<Departures>(**bus);
    (*bus)->requestName(BusName{k_bus_name});
    return Connection{std::move(*bus), std::move(departures)};
  } catch (const sdbus::Error& error) {
    const bool taken = error.getName() == "org.freedesktop.DBus.Error.FileExists";
    return tl::unexpected(
        Refusal{Trouble::NameRefused, taken ? "another process has it" : "the bus says: " + error.getMessage()});
  }
}

}  // namespace iotc_ha::bus
