#pragma once

#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::bus {

constexpr std::size_t k_names_max = 1'000;
constexpr std::size_t k_name_size_max = 1'024;

/// What is wrong with the name of a property or a command ("name", "component*name") or with a list of them; nothing
/// when they are well. `argument`: what D-Bus calls it.
[[nodiscard]] std::optional<std::string> flaw_of_name(const std::string& argument, const std::string& name);
[[nodiscard]] std::optional<std::string> flaw_of_names(const std::string& argument,
                                                       const std::vector<std::string>& names);

}  // namespace iotc_ha::bus
