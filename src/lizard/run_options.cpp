#include "run_options.hpp"

#include "network.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#ifndef IOTC_HA_LIZARD_PLUGIN_DIR
#error "the build must say where the plugin is installed"
#endif

namespace iotc_ha::lizard {
namespace {

std::string plugin_file() {
  constexpr const char* k_name = "iotc_ha_lizard_hub.so";
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / k_name;
  if (!error && std::filesystem::exists(beside, error)) return beside.string();
  return std::string(IOTC_HA_LIZARD_PLUGIN_DIR) + "/" + k_name;
}

tl::unexpected<core::Error> wrong(std::string what) {
  return core::fail(core::Fault::BadConfiguration, std::move(what));
}

}  // namespace

void RunOptions::add_to(CLI::App& run) {
  run.add_option("--network", given_.network, "Loopback network: DPS on .1, hub-a on .10, hub-b on .11 ...")
      ->capture_default_str();
  run.add_option("--hubs", given_.hubs, "Number of hubs")
      ->check(CLI::Range(std::size_t{1}, k_hubs_max))
      ->capture_default_str();
  run.add_option("--home", given_.home, "Hub to which new devices are allocated")->capture_default_str();
  run.add_option("--dps-port", given_.dps_port, "Port of HTTPS and WebSocket: of DPS, IoT Central and hubs")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  run.add_option("--window", given_.window_port, "Port of the window for a browser, on the address of DPS; 0: none")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  run.add_option("--id-scope", given_.id_scope, "ID scope of DPS")->capture_default_str();
  run.add_option("--group-key", group_key_, "Key of the enrolment group, base64 (default: made once and kept)");
  run.add_option("--device-key", device_keys_, "Individual enrolment, ID=BASE64 (may be repeated)");
  run.add_option("--central-token", central_token_, "API token of IoT Central (default: made once and kept)");
  run.add_option("--assigning-polls", given_.assigning_polls, "Answers with 'assigning' before 'assigned'")
      ->check(CLI::Range(0U, 1000U))
      ->capture_default_str();
  run.add_option("--retry-after", retry_after_s_, "Seconds that DPS asks a device to wait between polls")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{3600}))
      ->capture_default_str();
  run.add_option("--refusal", refusal_, "CONNACK code for a device that is disabled or assigned elsewhere")
      ->check(CLI::IsMember({3, 5}))
      ->capture_default_str();
  run.add_flag("--no-auto-failover", no_auto_failover_, "DPS goes on naming a hub that is attacked");
  run.add_flag("--fresh-twins", given_.fresh_twins, "A device that moves finds an empty twin on the other hub");
  run.add_option("--keep", given_.keep, "Telemetry messages kept")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->capture_default_str();
  run.add_option("--delay", delay_ms_, "One-way delay of every connection of a client, such as 25ms; up to 10s")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, std::int64_t>{{"ms", 1}, {"s", 1000}}))
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{10'000}))
      ->capture_default_str();
  run.add_flag("--closed-mqtt", given_.closed_mqtt, "Refuse connections to port 8883, as behind a strict firewall");
  run.add_option("--plugin", given_.plugin, "The hubs' mosquitto plugin");
  run.add_option("--mosquitto", given_.mosquitto, "The mosquitto program")->capture_default_str();
  run.add_flag("--verbose", given_.verbose, "Print each telemetry message");
  run.add_flag("--quiet", given_.quiet, "Print no events");
}

core::Result<Settings> RunOptions::settings(const std::string& state_dir) const {
  Settings settings = given_;
  if (const auto network = checked_network(settings.network); !network) return tl::unexpected(network.error());
  bool home_exists = false;
  for (std::size_t i = 0; i < settings.hubs; ++i) home_exists = home_exists || hub_name(i) == settings.home;
  if (!home_exists) return wrong("--home " + settings.home + ": there is no such hub");
  settings.state_dir = state_dir;
  settings.group_key = core::Secret(group_key_);
  settings.central_token = core::Secret(central_token_);
  settings.retry_after = std::chrono::seconds(retry_after_s_);
  settings.delay = std::chrono::milliseconds(delay_ms_);
  settings.refusal = static_cast<std::uint8_t>(refusal_);
  settings.auto_failover = !no_auto_failover_;
  if (settings.plugin.empty()) settings.plugin = plugin_file();
  if (!group_key_.empty() && !azure::derive_device_key(settings.group_key, "any")) {
    return wrong("--group-key is not a base64 key of 16 to 64 bytes");
  }
  for (const std::string& enrolment : device_keys_) {
    const std::size_t at = enrolment.find('=');
    const core::Secret key(at == std::string::npos ? "" : enrolment.substr(at + 1));
    if (!azure::derive_device_key(key, "any")) {
      return wrong("--device-key '" + enrolment.substr(0, at) + "': expected ID=BASE64, 16 to 64 bytes");
    }
    settings.device_keys[enrolment.substr(0, at)] = key;
  }
  return settings;
}

}  // namespace iotc_ha::lizard
