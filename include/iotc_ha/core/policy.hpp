#pragma once

#include <chrono>
#include <cstdint>

namespace iotc_ha::core {

/// Every number that the supervisor goes by. Each can be set alone in `[failover]`, under the member's name; the
/// profile gives the defaults. "fast" is for few devices and short interruptions, "polite" for fleets that share one
/// DPS.
struct Policy {
  // Deadlines of one attempt
  std::chrono::milliseconds connect_timeout{20'000};     ///< TCP to twin, on a hub that DPS has just named
  std::chrono::milliseconds remembered_timeout{10'000};  ///< the same, on the remembered hub: it may be dead
  std::chrono::milliseconds dps_timeout{120'000};        ///< register and poll; DPS moves twins in this time
  std::chrono::milliseconds drain_timeout{2'000};        ///< for a clean DISCONNECT
  // The race between the hub that was lost and DPS
  std::chrono::milliseconds head_start{
      250};  ///< of the remembered hub; twice the usual time to connect if that is more
  std::chrono::milliseconds hub_patience{
      0};  ///< a lost hub that does not refuse is tried alone for so long, up to twice
  // DPS
  bool early_poll = true;         ///< polls at 0.3, 1 and 2.5 s, sooner than DPS suggests, within its limit
  std::uint32_t dps_budget = 60;  ///< registrations an hour in the long run (core/dps_budget.hpp)
  // Silence (core/link_watch.hpp)
  std::chrono::milliseconds suspect_after{1'000};  ///< at least: an answer later than usual by this is late
  std::chrono::milliseconds silent_after{4'000};   ///< at least: with an answer owed for so long, the hub is dead
  // Waiting. Full jitter: a wait is uniform in [0, min(max, base * 2^n)], never below what the service asked for
  std::chrono::milliseconds backoff_base{1'000};
  std::chrono::milliseconds backoff_max{15'000};
  std::chrono::milliseconds dps_backoff_base{5'000};
  std::chrono::milliseconds dps_backoff_max{300'000};
  std::chrono::milliseconds same_hub_wait{5'000};  ///< DPS named the hub that has just failed; doubles, no jitter
  std::chrono::milliseconds same_hub_wait_max{300'000};
  std::chrono::milliseconds halted_wait{60'000};  ///< doubles
  std::chrono::milliseconds halted_wait_max{3'600'000};
  std::chrono::milliseconds stable_after{60'000};  ///< a session this old resets every counter above

  [[nodiscard]] static Policy fast() { return {}; }
  [[nodiscard]] static Policy polite() {
    Policy policy;
    policy.connect_timeout = std::chrono::seconds{40};
    policy.remembered_timeout = std::chrono::seconds{30};
    policy.hub_patience = std::chrono::minutes{15};
    policy.early_poll = false;
    policy.dps_budget = 10;
    policy.suspect_after = std::chrono::seconds{5};
    policy.silent_after = std::chrono::seconds{30};
    policy.backoff_base = std::chrono::seconds{5};
    policy.backoff_max = std::chrono::minutes{5};
    policy.dps_backoff_base = std::chrono::seconds{30};
    policy.dps_backoff_max = std::chrono::minutes{15};
    return policy;
  }

  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace iotc_ha::core
