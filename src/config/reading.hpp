#pragma once

#include "document.hpp"
#include "settings.hpp"

#include <iotc_ha/config/config.hpp>

#include <tl/expected.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace iotc_ha::config {

/// The value that is in force for a key, and where it was written.
struct InForce {
  std::string file;
  unsigned line = 0;  ///< 0: the file is a credential, and all of it is the value
  Value value;
};
using InForceByKey = std::map<std::string, InForce, std::less<>>;

/// A configuration without faults.
struct Reading {
  Draft draft;
  InForceByKey in_force;  ///< what the sources say; all other settings have their defaults
};
/// Reads and checks all sources: every fault that there is, in the order of files and lines.
[[nodiscard]] tl::expected<Reading, std::vector<Fault>> read(const Sources& sources);

}  // namespace iotc_ha::config
