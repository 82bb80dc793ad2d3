#include "session_state.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {

std::string_view doing(Phase phase) {
  switch (phase) {
    case Phase::Resolving: return "resolving its name";
    case Phase::Connecting: return "connecting";
    case Phase::Open:
    case Phase::Draining:
    case Phase::Disconnecting: break;
  }
  return "open";
}

void Session::begin(const Doors& doors, core::Instant now) {
  deadline = now + endpoint.timeout;
  if (endpoint.transport != Transport::Auto) return;
  endpoint.transport = doors.first();
  other_door = Doors::other_than(endpoint.transport);
  door_deadline = now + Doors::patience(endpoint.timeout);
}

std::chrono::milliseconds Session::patience() const {
  return other_door && phase == Phase::Connecting ? Doors::patience(endpoint.timeout) : endpoint.timeout;
}

core::Instant Session::next_deadline() const {
  // A name that is not resolved is no better behind the other door.
  return other_door && phase == Phase::Connecting ? std::min(door_deadline, deadline) : deadline;
}

bool Session::takes_other_door(const core::Error& error) {
  if (!other_door || phase != Phase::Connecting || !Doors::is_shut(error.fault)) return false;
  endpoint.transport = *std::exchange(other_door, std::nullopt);
  shut_door = error;
  return true;
}

core::Error Session::account(core::Error error) const {
  if (!shut_door || phase != Phase::Connecting || !Doors::is_shut(error.fault)) return error;
  error.what += "; before that: " + shut_door->what;
  return error;
}

std::optional<std::uint64_t> rid_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string c2d_topic_of(const std::string& filter) { return filter.substr(0, filter.rfind('/')); }

std::string in_seconds(std::chrono::milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : '.' + std::to_string(tenths % 10)) + " s";
}

}  // namespace iotc_ha::hub
