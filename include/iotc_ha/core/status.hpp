#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace iotc_ha::core {

/// What an operator sees, over D-Bus, in `systemctl status` and in the CLI. Times are wall-clock; the epoch means none.
struct Status {
  struct LastError {
    std::string name;  ///< `name_of(Fault)`, "" when there was none yet
    std::string text;
    WallTime when{};
    friend bool operator==(const LastError&, const LastError&) = default;
  };

  std::string state;         ///< one of the names of design §3: "Provisioning" … "Stopping"
  std::string state_reason;  ///< one line: why this state, and what comes next
  WallTime state_since{};
  std::string current_hub;            ///< "" while no session is open
  std::string previous_hub;           ///< the hub of the session before the present or last one, "" when there was none
  std::string device_id;              ///< "" until DPS has named it
  WallTime next_attempt{};            ///< when the next attempt is due by itself; epoch when nothing is waited for
  std::uint32_t attempts = 0;         ///< attempts (DPS or hub) since the last stable session
  std::uint64_t failover_count = 0;   ///< sessions opened on another hub than the one before
  std::uint64_t reconnect_count = 0;  ///< sessions opened again on the same hub after a loss
  std::chrono::microseconds last_failover_duration{0};  ///< from the loss noticed to the session on the other hub
  LastError last_error;
  std::uint64_t dps_registrations = 0;  ///< register requests sent to DPS in this life
  std::uint64_t dps_throttled = 0;      ///< answers of DPS that were 429, to registers and polls, in this life

  friend bool operator==(const Status&, const Status&) = default;
};

/// One line of the history that `GetHistory` answers.
struct HistoryEntry {
  WallTime when{};
  std::string from;   ///< state left
  std::string to;     ///< state entered
  std::string cause;  ///< the journal's line
};

}  // namespace iotc_ha::core
