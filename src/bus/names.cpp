#include "names.hpp"

#include <iotc_ha/azure/text.hpp>

namespace iotc_ha::bus {

std::optional<std::string> flaw_of_name(const std::string& argument, const std::string& name) {
  const std::string it = argument + ": \"" + azure::one_line(name) + "\"";
  if (name.empty()) return argument + ": a name must not be empty";
  if (name.size() > k_name_size_max) {
    return it + " has " + std::to_string(name.size()) + " bytes, and a name at most " + std::to_string(k_name_size_max);
  }
  const std::size_t star = name.find('*');
  if (star == std::string::npos) return std::nullopt;
  if (star == 0 || star + 1 == name.size() || name.find('*', star + 1) != std::string::npos) {
    return it + " must be \"name\" or \"component*name\"";
  }
  return std::nullopt;
}

std::optional<std::string> flaw_of_names(const std::string& argument, const std::vector<std::string>& names) {
  if (names.empty() || names.size() > k_names_max) {
    return argument + " must hold 1 to " + std::to_string(k_names_max) + " names, not " + std::to_string(names.size());
  }
  for (const std::string& name : names) {
    if (auto flaw = flaw_of_name(argument, name)) return flaw;
  }
  return std::nullopt;
}

}  // namespace iotc_ha::bus
