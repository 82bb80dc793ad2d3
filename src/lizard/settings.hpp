#pragma once

#include <iotc_ha/core/secret.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace iotc_ha::lizard {

/// What `iotc-ha-lizard run` is told by its options.
struct Settings {
  std::string state_dir;
  std::string plugin;  ///< the shared object that mosquitto loads
  std::string mosquitto = "/usr/sbin/mosquitto";
  std::string network = "127.77.0.0";  ///< x.y.z.0 within 127.0.0.0/8: DPS on .1, hubs from .10 on
  std::uint16_t dps_port = 443;        ///< HTTPS and WebSocket: of DPS, IoT Central and every hub
  std::uint16_t mqtt_port = 8883;      ///< of DPS and every hub
  std::uint16_t window_port = 7777;    ///< on the address of DPS; 0: no window
  std::size_t hubs = 2;
  std::string home = "hub-a";  ///< where new devices are allocated
  std::string id_scope = "0ne000LIZARD";
  core::Secret group_key;                           ///< base64; empty: the one kept in the state directory
  std::map<std::string, core::Secret> device_keys;  ///< individual enrolments: registration id and base64 key
  core::Secret central_token;                       ///< empty: the one kept in the state directory
  unsigned assigning_polls = 1;                     ///< answers with "assigning" before the one with "assigned"
  std::chrono::seconds retry_after{3};              ///< said with each "assigning"
  std::uint8_t refusal = 5;                         ///< CONNACK code for a device that is not assigned here
  bool auto_failover = true;                        ///< DPS names a living hub when the assigned one is attacked
  bool fresh_twins = false;                         ///< a device that moves has a new twin on the other hub
  std::size_t keep = 1'000'000;                     ///< telemetry messages kept
  std::chrono::milliseconds delay{0};               ///< one way, of every connection of a client
  bool closed_mqtt = false;                         ///< nobody listens on `mqtt_port`, as behind a strict firewall
  bool verbose = false;                             ///< print each telemetry message
  bool quiet = false;                               ///< print no events
};

}  // namespace iotc_ha::lizard
