#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstddef>
#include <string>

namespace iotc_ha::lizard {

[[nodiscard]] std::string random_hex(std::size_t digits);
/// A random UUID.
[[nodiscard]] std::string random_uuid();

/// The JSON with which a hub and DPS say what went wrong. `code` is six digits, the first three as in HTTP.
[[nodiscard]] std::string error_body(int code, const std::string& message, core::WallTime now);

}  // namespace iotc_ha::lizard
