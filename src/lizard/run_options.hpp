#pragma once

#include "settings.hpp"

#include <iotc_ha/core/error.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace iotc_ha::lizard {

/// The options of `iotc-ha-lizard run`.
class RunOptions {
 public:
  /// Adds them to the command; they are filled in when it is parsed. This object must stay where it is until then.
  void add_to(CLI::App& run);
  /// The settings that they make, in this state directory. The error names the option that is wrong.
  [[nodiscard]] core::Result<Settings> settings(const std::string& state_dir) const;

 private:
  Settings given_;
  std::string group_key_;
  std::string central_token_;
  std::vector<std::string> device_keys_;
  std::int64_t retry_after_s_ = 3;
  std::int64_t delay_ms_ = 0;
  int refusal_ = 5;
  bool no_auto_failover_ = false;
};

}  // namespace iotc_ha::lizard
