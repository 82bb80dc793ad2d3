#pragma once

#include <iotc_ha/config/config.hpp>
#include <iotc_ha/core/dps_budget.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>
#include <iotc_ha/spool/store.hpp>

#include <string>

namespace iotc_ha::daemon {

/// A configuration that is in force, and what follows from it.
struct Settings {
  config::Config config;
  core::Secret device_key;  ///< base64; signs the tokens for DPS and for every hub

  [[nodiscard]] spool::AssignmentKey assignment_key() const;
  [[nodiscard]] std::string identity() const;  ///< "0ne00ABCDEF/device": whose twin it is, whatever the way to it
};

/// Derives what follows. Error BadCredential when the configured key cannot serve.
[[nodiscard]] core::Result<Settings> make_settings(config::Config config);

/// The name of the document in which the spool keeps how the device stands with DPS, and what it says.
inline constexpr const char* k_standing_document = "dps_budget";
[[nodiscard]] std::string to_text(const core::DpsStanding& standing);
/// A full bucket and no wish for a text that nobody can read.
[[nodiscard]] core::DpsStanding read_standing(const std::string& text);

[[nodiscard]] spool::Limits spool_limits(const config::Config& config);

/// True when the two would connect differently, so that a session opened under one is wrong under the other.
[[nodiscard]] bool connection_differs(const Settings& a, const Settings& b);

}  // namespace iotc_ha::daemon
