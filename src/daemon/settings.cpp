#include "settings.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <system_error>
#include <tuple>
#include <utility>

namespace iotc_ha::daemon {

spool::AssignmentKey Settings::assignment_key() const {
  return {config.provisioning.host, config.provisioning.id_scope, config.device.id};
}

std::string Settings::identity() const { return config.provisioning.id_scope + '/' + config.device.id; }

core::Result<Settings> make_settings(config::Config config) {
  core::Result<core::Secret> key;
  if (const auto* group = std::get_if<config::GroupKey>(&config.provisioning.attestation)) {
    key = azure::derive_device_key(group->base64, config.device.id);
  } else {
    key = std::get<config::DeviceKey>(config.provisioning.attestation).base64;
  }
  if (!key) return tl::unexpected(key.error());
  return Settings{std::move(config), std::move(*key)};
}

// Thousandths of a registration, and microseconds: numbers without a point, which a locale could change.
std::string to_text(const core::DpsBudget& budget) {
  return std::to_string(std::llround(budget.spent() * 1'000)) + ' ' +
         std::to_string(budget.at().time_since_epoch().count());
}

core::DpsBudget budget_of(const std::string& text) {
  std::int64_t spent = 0;
  std::int64_t at = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, spent);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ') return {};
  const auto second = std::from_chars(first.ptr + 1, end, at);
  if (second.ec != std::errc{} || second.ptr != end || spent < 0) return {};
  return {static_cast<double>(spent) / 1'000, core::WallTime{std::chrono::microseconds{at}}};
}

spool::Limits spool_limits(const config::Config& config) {
  return {.bytes_max = config.spool.max_bytes,
          .age_max = config.spool.max_age,
          .drop_oldest = config.spool.when_full == config::Spool::WhenFull::DropOldest,
          .replay_window = config.spool.replay_window};
}

bool connection_differs(const Settings& a, const Settings& b) {
  const auto what_counts = [](const Settings& s) {
    const auto& [device, provisioning, hub, failover, spool, sample, log] = s.config;
    return std::tie(device.id, device.model_id, s.device_key, provisioning.id_scope, provisioning.host,
                    provisioning.transport, provisioning.port, hub.transport, hub.keep_alive, hub.token_life,
                    hub.ca_file, hub.proxy);
  };
  return what_counts(a) != what_counts(b);
}

}  // namespace iotc_ha::daemon
