#pragma once

#include "doors.hpp"
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

/// What is true of the one session while it lasts. Loop thread.
namespace iotc_ha::hub {

inline constexpr std::uint32_t k_unwatched = 0;  ///< a delivery of which nobody waits for the end

/// How far it has come.
enum class Phase : std::uint8_t {
  Resolving,
  Connecting,
  Open,           ///< CONNACK 0 has come; whether the SUBACKs have is a fact beside it
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
  core::Instant deadline{};            ///< of the phase; while Open, of the SUBACKs
  std::set<std::size_t> subscribed{};  ///< indices of the filters that the hub has granted
  std::uint32_t last_delivery = k_unwatched;
  std::map<std::uint32_t, std::uint64_t> in_flight{};  ///< delivery to sequence
  std::set<std::uint64_t> asked{};                     ///< rids of twin requests without an answer
  /// For which Paho's thread may be waiting.
  std::shared_ptr<Receipts> receipts = std::make_shared<Receipts>(Sessions::k_receipt_max);

  // The doors of Transport::Auto; `endpoint.transport` is the one that is tried.
  std::string address{};                   ///< of the host, once it is resolved
  std::uint64_t connection = 0;            ///< the present one's number: what an earlier one still says is not heard
  std::optional<Transport> other_door{};   ///< not yet tried
  core::Instant door_deadline{};           ///< of the first door, while there is another one
  std::optional<core::Error> shut_door{};  ///< what the first door had to say

  /// Once, at the beginning.
  void begin(const Doors& doors, core::Instant now);
  /// How long the door that is tried is given.
  [[nodiscard]] std::chrono::milliseconds patience() const;
  /// When the clock must be looked at again.
  [[nodiscard]] core::Instant next_deadline() const;
  /// True when the other door is to be tried now, because this one ended so.
  [[nodiscard]] bool takes_other_door(const core::Error& error);
  /// The error of the whole attempt, which ends with this one.
  [[nodiscard]] core::Error account(core::Error error) const;
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
