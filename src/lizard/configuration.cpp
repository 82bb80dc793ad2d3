#include "configuration.hpp"

#include "network.hpp"

#include <unistd.h>

#include <cstdlib>

namespace iotc_ha::lizard {
namespace {

/// A TOML basic string.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return value == nullptr ? "" : value;
}

}  // namespace

std::string device_configuration(const Settings& settings, const std::string& device_id, const std::string& model_id) {
  const auto individual = settings.device_keys.find(device_id);
  const bool is_individual = individual != settings.device_keys.end();
  const core::Secret& key = is_individual ? individual->second : settings.group_key;
  std::string text = "# The virtual Azure of iotc-ha-lizard.\n";
  text += "[device]\n";
  text += "id = " + quoted(device_id) + "\n";
  text += "model_id = " + quoted(model_id) + "\n\n";
  text += "[provisioning]\n";
  text += "id_scope = " + quoted(settings.id_scope) + "\n";
  text += (is_individual ? "symmetric_key = " : "group_symmetric_key = ") + quoted(key.reveal()) + "\n";
  text += "host = " + quoted(dps_address(settings.network)) + "\n";
  text += "port = " + std::to_string(settings.dps_port) + "\n\n";
  text += "[hub]\n";
  text += "ca_file = " + quoted(settings.state_dir + "/ca.pem") + "\n";
  return text;
}

std::string window_url(const Settings& settings) {
  if (settings.window_port == 0) return "";
  return "http://" + dps_address(settings.network) + ":" + std::to_string(settings.window_port) + "/";
}

std::string default_state_dir() {
  if (std::string given = from_environment("IOTC_HA_LIZARD_STATE"); !given.empty()) return given;
  if (std::string service = from_environment("RUNTIME_DIRECTORY"); !service.empty()) return service;
  if (geteuid() == 0) return "/run/iotc-ha-lizard";
  const std::string runtime = from_environment("XDG_RUNTIME_DIR");
  return runtime.empty() ? "" : runtime + "/iotc-ha-lizard";
}

}  // namespace iotc_ha::lizard
