#include <iotc_ha/core/telemetry.hpp>

namespace iotc_ha::core {
namespace {

/// Numbers, times, and the row that they stand in.
constexpr std::uint64_t k_message_overhead = 64;

template <typename Message>
std::uint64_t texts_of(const Message& message) {
  std::uint64_t bytes = message.body.size() + message.component.size() + message.message_id.size();
  for (const auto& [key, value] : message.properties) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

std::uint64_t size_of(const Submission& message) { return k_message_overhead + texts_of(message); }
std::uint64_t size_of(const Telemetry& message) { return k_message_overhead + texts_of(message); }

}  // namespace iotc_ha::core
