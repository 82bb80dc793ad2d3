#pragma once

#include "document.hpp"

#include <iotc_ha/config/config.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::config {

/// A configuration while it is being read.
struct Draft {
  Config config;
  core::Secret group_symmetric_key;  ///< empty: not given
  core::Secret symmetric_key;        ///< empty: not given
};

/// A key that the configuration knows.
struct Setting {
  std::string_view key;
  /// Stores the value, or says what was expected instead.
  std::function<std::optional<std::string>(const Value&, Draft&)> take;
  std::string_view to_fill_in;  ///< required, and "" is not a value: what an operator must put here. "": optional
  bool secret = false;
};

/// All of them. failover.profile stands before the numbers that it is the default of: they are to be taken in this
/// order.
[[nodiscard]] const std::vector<Setting>& settings();

/// The known key or table that `key` was probably meant to be; "" when nothing is near.
[[nodiscard]] std::string nearest_name(std::string_view key);
[[nodiscard]] bool is_known_table(std::string_view key);

}  // namespace iotc_ha::config
