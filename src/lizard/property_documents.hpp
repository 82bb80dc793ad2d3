#pragma once

#include "twin.hpp"

#include <iotc_ha/core/error.hpp>

#include <string>
#include <string_view>

/// A twin as IoT Central's interface shows and changes it: values as the device reported them, and `$metadata` with
/// what is desired, what was acknowledged, and when.
namespace iotc_ha::lizard {

/// The properties of a component, or with "" those of the root and of all components.
[[nodiscard]] std::string properties_of(const Twin& twin, const std::string& component);

/// How the desired properties are to be changed.
struct DesiredChange {
  std::string patch;   ///< the merge patch for the twin
  std::string answer;  ///< what IoT Central answers when it was applied
};
/// `body`: the properties and the values that they are to have. `replace`: all others are taken back.
/// Error InvalidPayload says what is wrong with the body.
[[nodiscard]] core::Result<DesiredChange> desired_change(const Twin& twin, const std::string& component,
                                                         std::string_view body, bool replace);

}  // namespace iotc_ha::lizard
