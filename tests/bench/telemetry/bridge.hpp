#pragma once

#include "figures.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

/// The rival: a local mosquitto with persistence, whose bridge carries what programs publish to a broker in the part of
/// the hub. All that could slow it down and is not asked for is off: TLS, passwords, limits, Nagle's algorithm. What it
/// acknowledges is not on disk: mosquitto writes its whole state to a new file, later, at the times that
/// autosave_interval says.
namespace iotc_ha::bench {

struct BridgeRun {
  std::string autosave;     ///< lines of mosquitto.conf
  unsigned publishers = 1;  ///< each with a connection of its own
  unsigned unanswered = 1;  ///< QoS 1 publishes that each has under way
  Seconds publish_time{5};
  Seconds drain_limit{60};  ///< for what has not come through by then
};
struct BridgeFigures {
  std::uint64_t published = 0;      ///< acknowledged to the publishers
  std::uint64_t through = 0;        ///< received by a subscriber of the second broker
  double through_per_s = 0;         ///< from the first publish to the last receipt
  Durations publish;                ///< from a publish to its PUBACK
  std::uint64_t bytes_written = 0;  ///< by the local broker to the disk, as the kernel counts
};

/// `text(number)`: the body of each message. `address`: of the loopback network, for both brokers.
[[nodiscard]] BridgeFigures run_bridge(const std::filesystem::path& folder, const std::string& address,
                                       const BridgeRun& run, const std::function<std::string(std::uint64_t)>& text);

}  // namespace iotc_ha::bench
