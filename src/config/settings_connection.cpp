#include "setting.hpp"

namespace iotc_ha::config {
namespace {

using namespace std::chrono_literals;

std::optional<std::string> take_key(const Value& value, core::Secret& into) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->empty()) return std::nullopt;
  auto key = symmetric_key(value);
  if (!key) return key.error();
  into = core::Secret(*std::move(key));
  return std::nullopt;
}

std::optional<std::string> masked_key(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && text->empty()) return std::nullopt;
  return "***";
}

Setting key_setting(std::string_view key, core::Secret Draft::*into, std::string_view meaning) {
  Setting made;
  made.key = key;
  made.meaning = meaning;
  made.take = [into](const Value& value, Draft& draft) { return take_key(value, draft.*into); };
  made.show = [](const Draft&) -> Value { return std::string(); };
  made.is_key = true;
  made.masked = masked_key;
  return made;
}

/// A key of the contract that must stay empty so far.
Setting not_yet(std::string_view key) {
  Setting made;
  made.key = key;
  made.meaning = "not available in this version";
  made.take = [](const Value& value, Draft&) -> std::optional<std::string> {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && text->empty()) return std::nullopt;
    return "certificates are not available in this version; use group_symmetric_key or symmetric_key";
  };
  made.show = [](const Draft&) -> Value { return std::string(); };
  return made;
}

Setting required(Setting setting, std::string_view to_fill_in) {
  setting.to_fill_in = to_fill_in;
  return setting;
}

void take_port_of_transport(Draft& draft) {
  constexpr std::uint16_t k_https = 443;  // WebSocket, too
  constexpr std::uint16_t k_mqtt = 8883;
  Provisioning& provisioning = draft.config.provisioning;
  provisioning.port = provisioning.transport == Provisioning::Transport::Mqtt ? k_mqtt : k_https;
}

}  // namespace

void add_device_and_provisioning(std::vector<Setting>& all) {
  all.push_back(required(setting(
                             "device.id", registration_id, [](auto& c) -> auto& { return c.device.id; },
                             "the registration id at DPS: the name of this device"),
                         "a name of its own for this device, in lower case, e.g. \"failover-linux\""));
  all.push_back(setting(
      "device.model_id", model_id, [](auto& c) -> auto& { return c.device.model_id; },
      "the device template (DTDL model) that the device presents itself with"));
  all.push_back(required(
      setting(
          "provisioning.id_scope", id_scope, [](auto& c) -> auto& { return c.provisioning.id_scope; },
          "which DPS instance knows the device"),
      "the ID scope (IoT Central: Permissions, Device connection groups; DPS: Overview), e.g. \"0ne00ABCDEF\""));
  all.push_back(key_setting("provisioning.group_symmetric_key", &Draft::group_symmetric_key,
                            "the key of an enrolment group, base64; the device's key is derived from it"));
  all.push_back(key_setting("provisioning.symmetric_key", &Draft::symmetric_key,
                            "instead of a group's key, the key of an individual enrolment, base64"));
  all.push_back(not_yet("provisioning.certificate_file"));
  all.push_back(not_yet("provisioning.private_key_file"));
  all.push_back(setting(
      "provisioning.host", host_name, [](auto& c) -> auto& { return c.provisioning.host; }, "where DPS is"));
  using Transport = Provisioning::Transport;
  all.push_back(choice<Transport>(
      "provisioning.transport",
      {{"https", Transport::Https}, {"mqtt", Transport::Mqtt}, {"mqtt-ws", Transport::WebSocket}},
      [](auto& c) -> auto& { return c.provisioning.transport; },
      "how DPS is asked: https (port 443), mqtt (8883), mqtt-ws (MQTT over WebSocket, 443)", take_port_of_transport));
  all.push_back(setting(
      "provisioning.port", port, [](auto& c) -> auto& { return c.provisioning.port; },
      "the port of DPS; that of the transport unless it is set"));
}

void add_hub(std::vector<Setting>& all) {
  using Transport = Hub::Transport;
  all.push_back(choice<Transport>(
      "hub.transport", {{"mqtt", Transport::Mqtt}, {"mqtt-ws", Transport::WebSocket}, {"auto", Transport::Auto}},
      [](auto& c) -> auto& { return c.hub.transport; },
      "how the hub is reached: mqtt (port 8883), mqtt-ws (MQTT over WebSocket, 443), auto (8883, "
      "else 443, and what works is remembered)"));
  // 1177 s is the longest that a hub honours: it closes after 1.5 times the keep-alive, but after 1767 s at the latest.
  all.push_back(setting(
      "hub.keep_alive", whole_seconds_within(1s, 1177s), [](auto& c) -> auto& { return c.hub.keep_alive; },
      "how often a session without traffic is probed; a hub that falls silent meanwhile is noticed "
      "within about three times this"));
  all.push_back(setting(
      "hub.token_life", whole_seconds_within(5s, 24h), [](auto& c) -> auto& { return c.hub.token_life; },
      "for how long a session's token is valid; it is renewed between 70 and 90 % of this"));
  all.push_back(setting(
      "hub.ca_file", ca_file, [](auto& c) -> auto& { return c.hub.ca_file; },
      "a file (PEM) with the certificates to trust, for hub and DPS; empty: the system's"));
  all.push_back(setting(
      "hub.proxy", proxy, [](auto& c) -> auto& { return c.hub.proxy; },
      "the HTTP proxy for hub and DPS; empty: none, whatever the environment says"));
  all.back().masked = proxy_without_password;
}

}  // namespace iotc_ha::config
