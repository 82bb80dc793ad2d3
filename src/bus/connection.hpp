#pragma once

#include "departures.hpp"
#include "sdbus.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <string>

namespace iotc_ha::bus {

inline constexpr const char* k_bus_name = "io.github.iotc_ha";

/// Why we are not on the bus. The journal gets one line for each change of it.
enum class Trouble : std::uint8_t { None, Unreachable, NameRefused };

struct Refusal {
  Trouble trouble;
  std::string why;
};

/// Members go in the reverse order.
struct Connection {
  std::shared_ptr<sdbus::IConnection> bus;
  std::unique_ptr<Departures> departures;
};

/// Connects to `address` ("system", "session", or a D-Bus address) and claims our name there. Blocks, without a limit
/// of ours when a bus accepts and then does not answer: for the worker. Nothing is handled yet: calls wait until the
/// objects are there.
[[nodiscard]] tl::expected<Connection, Refusal> join_bus(const std::string& address);

}  // namespace iotc_ha::bus
