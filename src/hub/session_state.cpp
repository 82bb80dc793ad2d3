#include "session_state.hpp"

#include <charconv>
#include <system_error>

namespace iotc_ha::hub {

std::string_view doing(Phase phase) {
  switch (phase) {
    case Phase::Resolving: return "resolving its name";
    case Phase::Connecting: return "connecting";
    case Phase::Subscribing: return "waiting for the SUBACKs";
    case Phase::ReadingTwin: return "waiting for the twin";
    case Phase::Open:
    case Phase::Draining:
    case Phase::Disconnecting: break;
  }
  return "open";
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
