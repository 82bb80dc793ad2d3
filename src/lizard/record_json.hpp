#pragma once

#include "records.hpp"

#include <string>

namespace iotc_ha::lizard {

/// One line of `telemetry --json`; property keys and values decoded, the body parsed when it is JSON.
[[nodiscard]] std::string json_line(const Received& message, const std::string& hub);
/// One line of `events --json`.
[[nodiscard]] std::string json_line(const Occurrence& occurrence);

}  // namespace iotc_ha::lizard
