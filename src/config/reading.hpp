#pragma once

#include "document.hpp"
#include "settings.hpp"

#include <iotc_ha/config/config.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::config {

/// The value that is in force for a key, and where it was written.
struct InForce {
  std::string file;
  unsigned line = 0;  ///< 0: the file is a credential, and all of it is the value
  Value value;
};
using InForceByKey = std::map<std::string, InForce, std::less<>>;

/// What the sources say, and all that is wrong with it.
struct Reading {
  Draft draft;                           ///< where a value is at fault, with the default
  InForceByKey in_force;                 ///< all other settings have their defaults
  std::set<std::string_view> not_taken;  ///< keys whose value is a fault
  std::vector<Fault> faults;             ///< in the order of files and lines
};
[[nodiscard]] Reading read(const Sources& sources);

}  // namespace iotc_ha::config
