#include "settings.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <locale>
#include <sstream>
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

// Numbers without a point, which a locale could change: thousandths of a registration, when that was, and, if there is
// one, until when DPS wants to be left alone, both in microseconds.
std::string to_text(const core::DpsStanding& standing) {
  const auto microseconds = [](core::WallTime at) { return ' ' + std::to_string(at.time_since_epoch().count()); };
  const core::DpsBudget& budget = standing.budget;
  return std::to_string(std::llround(budget.spent() * 1'000)) + microseconds(budget.at()) +
         (standing.not_before ? microseconds(*standing.not_before) : "");
}

core::DpsStanding read_standing(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  std::int64_t spent = 0;
  std::int64_t at = 0;
  std::int64_t not_before = 0;
  if (!(in >> spent >> at) || spent < 0) return {};
  const auto time = [](std::int64_t number) { return core::WallTime{std::chrono::microseconds{number}}; };
  core::DpsStanding standing{{static_cast<double>(spent) / 1'000, time(at)}, {}};
  if (in >> not_before) standing.not_before = time(not_before);
  return standing;
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
