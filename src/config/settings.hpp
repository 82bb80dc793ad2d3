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
  std::string profile = "fast";
  core::Secret group_symmetric_key;  ///< empty: not given
  core::Secret symmetric_key;        ///< empty: not given
};

/// A key that the configuration knows.
struct Setting {
  std::string_view key;
  std::string_view meaning;  ///< for the operator, one line, with units; never empty
  /// Stores the value, or says what was expected instead.
  std::function<std::optional<std::string>(const Value&, Draft&)> take;
  /// The value that is stored, as a file would say it. Not asked where there is a secret in it.
  std::function<Value(const Draft&)> show;
  std::string_view to_fill_in;  ///< required, and "" is not a value: what an operator must put here. "": optional
  bool is_key = false;          ///< may come as a systemd credential of this name, which wins
  /// What may be shown of a value with a secret in it; nothing when there is none. Empty: there never is one.
  std::function<std::optional<std::string>(const Value&)> masked;
};

/// All of them, table by table. What gives the default of others stands before them (failover.profile, and
/// provisioning.transport for the port): they are to be taken in this order.
[[nodiscard]] const std::vector<Setting>& settings();

/// The known key or table that `key` was probably meant to be; "" when nothing is near.
[[nodiscard]] std::string nearest_name(std::string_view key);
[[nodiscard]] bool is_known_table(std::string_view key);
/// The key that has taken the place of `key`, which an earlier version had; "" when there is none.
[[nodiscard]] std::string_view successor_of(std::string_view key);

[[nodiscard]] std::string_view table_of(std::string_view key);  ///< "hub" of "hub.proxy"
[[nodiscard]] std::string_view last_of(std::string_view key);   ///< "proxy" of "hub.proxy"

}  // namespace iotc_ha::config
