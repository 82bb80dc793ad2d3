#pragma once

#include "receipts.hpp"

#include <iotc_ha/core/time.hpp>
#include <iotc_ha/hub/session.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// What is true of the one session while it lasts. Loop thread.
namespace iotc_ha::hub {

inline constexpr std::uint64_t k_opening_rid = 0;
inline constexpr std::uint32_t k_unwatched = 0;  ///< a delivery of which nobody waits for the end

/// How far it has come.
enum class Phase : std::uint8_t {
  Resolving,
  Connecting,
  Subscribing,
  ReadingTwin,
  Open,
  Draining,       ///< close() was called; what is in flight may still be answered
  Disconnecting,  ///< the DISCONNECT is with Paho
};

/// For "still …", in the report of an open() that took too long.
[[nodiscard]] std::string_view doing(Phase phase);

struct Session {
  core::AttemptId attempt;
  Endpoint endpoint;
  std::array<std::string, 4> filters;
  Phase phase = Phase::Resolving;
  core::Instant deadline;  ///< of every phase but Open
  std::set<std::size_t> subscribed;
  std::uint32_t last_delivery = k_unwatched;
  std::map<std::uint32_t, std::uint64_t> in_flight;  ///< delivery to sequence
  std::set<std::uint64_t> asked;                     ///< rids of twin requests without an answer
  std::vector<Notice> held;                          ///< what came before Opened, but for C2D
  std::shared_ptr<Receipts> receipts;                ///< for which Paho's thread may be waiting
};

/// A session that waits for the one before it to take its leave.
struct Successor {
  core::AttemptId attempt;
  Endpoint endpoint;
};

/// Ours are numbers; nothing for one that is not.
[[nodiscard]] std::optional<std::uint64_t> rid_of(std::string_view text);
/// What topics of C2D messages begin with: the filter without its "/#".
[[nodiscard]] std::string c2d_topic_of(const std::string& filter);
/// "2.5 s"
[[nodiscard]] std::string in_seconds(std::chrono::milliseconds time);

}  // namespace iotc_ha::hub
