#pragma once

#include "files.hpp"
#include "settings.hpp"

#include <iotc_ha/core/error.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace iotc_ha::lizard {

/// A running mosquitto and our end of the link to its plugin.
struct HubProcess {
  pid_t pid = -1;
  Descriptor link;
};

/// Whose topics a mosquitto knows.
enum class MqttService : std::uint8_t { Hub, Dps };

/// Writes `{directory}/mosquitto.conf` for a hub, or DPS, on `address` with the given certificate and key.
[[nodiscard]] core::Result<void> write_hub_configuration(const Settings& settings, MqttService service,
                                                         const std::string& directory, const std::string& address,
                                                         const std::string& certificate_file,
                                                         const std::string& key_file);

/// Starts mosquitto with the configuration in `directory`; what it prints goes to `{directory}/mosquitto.log`.
/// It dies with the thread that calls this: call it from one that lives as long as the program.
[[nodiscard]] core::Result<HubProcess> start_hub(const Settings& settings, const std::string& directory);

}  // namespace iotc_ha::lizard
