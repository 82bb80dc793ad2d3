#pragma once

#include <iotc_ha/core/command.hpp>
#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace iotc_ha::core {

/// Which program answers for which name. A name belongs to one program at a time; a program has as many as it likes, up
/// to `k_names_max` of all programs together.
class Claims {
 public:
  /// All or none. Error Busy names a name that another program has. To claim again what one has is no error.
  [[nodiscard]] Result<void> claim(const Caller& caller, const std::vector<std::string>& names);
  /// The program has gone: its names are free. Answers them.
  std::vector<std::string> release(const Caller& caller);

  [[nodiscard]] std::optional<Caller> owner(const std::string& name) const;
  /// Whether anybody has claimed it since the start, up to `k_names_max` names.
  [[nodiscard]] bool ever_claimed(const std::string& name) const { return ever_.contains(name); }
  /// The components that stand before a '*' in a name that was ever claimed.
  [[nodiscard]] std::vector<std::string> components() const;

  static constexpr std::size_t k_names_max = 10'000;

 private:
  std::map<std::string, Caller> owners_;
  std::set<std::string> ever_;
};

}  // namespace iotc_ha::core
