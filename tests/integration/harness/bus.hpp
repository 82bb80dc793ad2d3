#pragma once

#include "process.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// The properties of io.github.iotc_ha.Agent1, as busctl reads them. Times in microseconds.
struct Agent {
  std::string state;
  std::string state_reason;
  std::uint64_t state_since = 0;
  std::string current_hub;
  std::string previous_hub;
  std::string device_id;
  std::string model_id;
  std::string version;
  std::uint64_t next_attempt = 0;
  std::uint32_t attempts = 0;
  std::uint64_t failover_count = 0;
  std::uint64_t reconnect_count = 0;
  std::uint64_t last_failover_duration = 0;
  std::string last_error_name;
  std::string last_error_text;
  std::uint64_t last_error_when = 0;
};

/// One PropertiesChanged signal of the agent, as far as tests look at it. "" for what did not change.
struct Change {
  std::int64_t time_us = 0;  ///< when the bus saw it
  std::string state;
  std::string last_error_name;
};

struct FailedOver {
  std::string from;
  std::string to;
  std::uint64_t duration_us = 0;
};

/// A MessagesDropped signal of Telemetry1.
struct Drop {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string reason;
};

struct HistoryEntry {
  std::uint64_t when = 0;
  std::string from;
  std::string to;
  std::string cause;
};

/// A bus of the test's own, with busctl as its user and as its witness.
class Bus {
 public:
  explicit Bus(const std::filesystem::path& folder);
  [[nodiscard]] const std::string& address() const { return address_; }

  void stop();   ///< kills the bus daemon; the witness goes with it
  void start();  ///< at the same address; the witness starts from nothing

  [[nodiscard]] bool agent_is_there() const;
  /// All properties at one moment. Throws std::runtime_error when nobody owns the name.
  [[nodiscard]] Agent agent() const;
  /// A method of Agent1 without arguments. Throws std::runtime_error when it fails.
  void call(const std::string& method) const;
  [[nodiscard]] std::vector<HistoryEntry> history() const;  ///< newest first
  /// busctl with these arguments, on this bus, as a user would type it.
  [[nodiscard]] Outcome busctl(const Command& arguments) const;

  // What the witness saw, in order.
  [[nodiscard]] std::vector<Change> changes() const;
  [[nodiscard]] std::vector<FailedOver> failovers() const;
  [[nodiscard]] std::vector<Drop> drops() const;
  /// The values that State took, beginning with the `from`th.
  [[nodiscard]] std::vector<std::string> states(std::size_t from = 0) const;
  /// The names that LastError took since the change number `from`.
  [[nodiscard]] std::vector<std::string> errors(std::size_t from = 0) const;

 private:
  const std::filesystem::path folder_;
  const std::string address_;
  unsigned life_ = 0;
  std::unique_ptr<Process> daemon_;
  std::unique_ptr<Process> witness_;
};

}  // namespace iotc_ha::integration
