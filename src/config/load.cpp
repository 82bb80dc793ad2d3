#include "reading.hpp"

#include <utility>

namespace iotc_ha::config {

std::string to_string(const Fault& fault) {
  std::string text = fault.file;
  if (fault.line != 0) text += ':' + std::to_string(fault.line);
  if (!fault.key.empty()) text += ": " + fault.key;
  return text + ": " + fault.expected;
}

tl::expected<Config, std::vector<Fault>> load(const Sources& sources) {
  Reading reading = read(sources);
  if (!reading.faults.empty()) return tl::unexpected(std::move(reading.faults));
  return std::move(reading.draft.config);
}

}  // namespace iotc_ha::config
