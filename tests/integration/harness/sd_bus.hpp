#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

/// What the programs of a test that speak through sd-bus have in common.
namespace iotc_ha::integration {

inline constexpr const char* k_agent_bus_name = "io.github.iotc_ha";
inline constexpr const char* k_agent_path = "/io/github/iotc_ha";

/// sd-bus returns what went wrong as a negative errno, which is thrown here.
inline int well(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::generic_category().message(-result));
  return result;
}

}  // namespace iotc_ha::integration
