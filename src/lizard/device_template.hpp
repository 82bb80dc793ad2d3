#pragma once

#include <string>

namespace iotc_ha::lizard {

/// True for a command that IoT Central queues while a device is offline (`durable` in the template). The one template
/// known here is Failover.json; a device of another model has no such commands.
[[nodiscard]] bool is_durable_command(const std::string& model_id, const std::string& name);

}  // namespace iotc_ha::lizard
