#include "settings.hpp"

#include <iotc_ha/azure/sas.hpp>

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
                    provisioning.port, hub.keep_alive, hub.token_life, hub.ca_file, hub.proxy);
  };
  return what_counts(a) != what_counts(b);
}

}  // namespace iotc_ha::daemon
