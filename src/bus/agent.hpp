#pragma once

#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <io.github.iotc_ha.Agent1.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// What the properties answer. Every text in it is sendable().
struct Shown {
  core::Status status;
  Identity identity;
};

/// Names of the Agent1 properties that differ.
[[nodiscard]] std::vector<PropertyName> differences(const Shown& before, const Shown& after);

/// The object /io/github/iotc_ha on one connection. `shown` and `requests` belong to the Service and live longer.
class Agent final : public sdbus::AdaptorInterfaces<io::github::iotc_ha::Agent1_adaptor> {
 public:
  Agent(sdbus::IConnection& connection, const Shown& shown, const Requests& requests);
  virtual ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Both throw sdbus::Error when the connection is gone.
  void emit_changes(const std::vector<PropertyName>& names);
  void emit_failed_over(const std::string& from, const std::string& to, std::chrono::microseconds duration);

 private:
  void Reconnect() override { requests_.reconnect(); }
  void Reprovision() override { requests_.reprovision(); }
  std::vector<sdbus::Struct<std::uint64_t, std::string, std::string, std::string>> GetHistory(
      const std::uint32_t& max) override;

  std::string State() override { return shown_.status.state; }
  std::string StateReason() override { return shown_.status.state_reason; }
  std::uint64_t StateSince() override;
  std::string CurrentHub() override { return shown_.status.current_hub; }
  std::string PreviousHub() override { return shown_.status.previous_hub; }
  std::string DeviceId() override { return shown_.status.device_id; }
  std::string ModelId() override { return shown_.identity.model_id; }
  std::string Version() override { return shown_.identity.version; }
  std::uint64_t NextAttempt() override;
  std::uint32_t Attempts() override { return shown_.status.attempts; }
  std::uint64_t FailoverCount() override { return shown_.status.failover_count; }
  std::uint64_t ReconnectCount() override { return shown_.status.reconnect_count; }
  std::uint64_t LastFailoverDuration() override;
  sdbus::Struct<std::string, std::string, std::uint64_t> LastError() override;
  std::uint64_t DpsRegistrations() override { return shown_.status.dps_registrations; }
  std::uint64_t DpsThrottled() override { return shown_.status.dps_throttled; }

  const Shown& shown_;
  const Requests& requests_;
};

}  // namespace iotc_ha::bus
