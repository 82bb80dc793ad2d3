#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <string>

namespace iotc_ha::core {

/// A program on the bus: its unique name (":1.42"), which a bus gives to one connection and never again.
using Caller = std::string;

/// A C2D message, IoT Central's offline command, as it waits on disk for a program that takes it.
struct DurableCommand {
  std::uint64_t id = 0;    ///< ours, given by the spool, increasing, the same over restarts; below 2^62
  std::string message_id;  ///< `$.mid`, the cloud's; "": it has none, and cannot be told from another
  std::string name;        ///< `method-name` without its component; "": it has none
  std::string component;   ///< "" for the root component
  std::string payload;     ///< as it came: any bytes
  WallTime received{};
  WallTime until{};  ///< of no use afterwards

  friend bool operator==(const DurableCommand&, const DurableCommand&) = default;
};

/// A command as a program on the bus is told of it.
struct Invocation {
  std::uint64_t id = 0;  ///< for Complete; that of a direct method is 2^62 or more
  std::string name;
  std::string component;  ///< "" for the root component
  std::string payload;    ///< JSON text
  bool durable = false;   ///< a C2D message; else a direct method, whose caller waits for the answer

  friend bool operator==(const Invocation&, const Invocation&) = default;
};

}  // namespace iotc_ha::core
