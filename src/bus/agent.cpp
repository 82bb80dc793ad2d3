#include "agent.hpp"

#include "microseconds.hpp"
#include "text.hpp"

namespace iotc_ha::bus {
std::vector<PropertyName> differences(const Shown& before, const Shown& after) {
  std::vector<PropertyName> names;
  const auto compare = [&](const char* name, const auto& old_value, const auto& new_value) {
    if (!(old_value == new_value)) names.emplace_back(name);
  };
  const core::Status& a = before.status;
  const core::Status& b = after.status;
  compare("State", a.state, b.state);
  compare("StateReason", a.state_reason, b.state_reason);
  compare("StateSince", a.state_since, b.state_since);
  compare("CurrentHub", a.current_hub, b.current_hub);
  compare("PreviousHub", a.previous_hub, b.previous_hub);
  compare("DeviceId", a.device_id, b.device_id);
  compare("ModelId", before.identity.model_id, after.identity.model_id);
  compare("NextAttempt", a.next_attempt, b.next_attempt);
  compare("Attempts", a.attempts, b.attempts);
  compare("FailoverCount", a.failover_count, b.failover_count);
  compare("ReconnectCount", a.reconnect_count, b.reconnect_count);
  compare("LastFailoverDuration", a.last_failover_duration, b.last_failover_duration);
  compare("LastError", a.last_error, b.last_error);
  compare("DpsRegistrations", a.dps_registrations, b.dps_registrations);
  compare("DpsThrottled", a.dps_throttled, b.dps_throttled);
  return names;
}

Agent::Agent(sdbus::IConnection& connection, const Shown& shown, const Requests& requests)
    : AdaptorInterfaces(connection, sdbus::ObjectPath{"/io/github/iotc_ha"}), shown_(shown), requests_(requests) {
  registerAdaptor();
}

Agent::~Agent() { unregisterAdaptor(); }

void Agent::emit_changes(const std::vector<PropertyName>& names) {
  getObject().emitPropertiesChangedSignal(Agent1_adaptor::INTERFACE_NAME, names);
}

void Agent::emit_failed_over(const std::string& from, const std::string& to, std::chrono::microseconds duration) {
  emitFailedOver(sendable(from), sendable(to), microseconds(duration));
}

std::vector<sdbus::Struct<std::uint64_t, std::string, std::string, std::string>> Agent::GetHistory(
    const std::uint32_t& max) {
  std::vector<sdbus::Struct<std::uint64_t, std::string, std::string, std::string>> entries;
  for (const core::HistoryEntry& entry : requests_.history(max)) {
    entries.emplace_back(microseconds(entry.when), sendable(entry.from), sendable(entry.to), sendable(entry.cause));
  }
  return entries;
}

std::uint64_t Agent::StateSince() { return microseconds(shown_.status.state_since); }
std::uint64_t Agent::NextAttempt() { return microseconds(shown_.status.next_attempt); }
std::uint64_t Agent::LastFailoverDuration() { return microseconds(shown_.status.last_failover_duration); }
sdbus::Struct<std::string, std::string, std::uint64_t> Agent::LastError() {
  const core::Status::LastError& error = shown_.status.last_error;
  return {error.name, error.text, microseconds(error.when)};
}

}  // namespace iotc_ha::bus
