#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::azure {

/// The members of a JSON object, in their order, found by name. Values are compact JSON, which is the caller's to see
/// to, as it is that names are UTF-8.
class Members {
 public:
  /// Error InvalidPayload: the text is no object.
  static core::Result<Members> of(std::string_view object);

  /// Nothing when there is no such member; valid until the next set().
  [[nodiscard]] const std::string* find(const std::string& name) const;
  /// In the place that the name has, else at the end.
  void set(const std::string& name, std::string json);
  void erase(const std::string& name);
  [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::string text() const;

 private:
  struct Member {
    std::string name;
    std::string json;  ///< "": erased
  };
  std::vector<Member> members_;
  std::map<std::string, std::size_t> places_;  ///< of each name in members_
};

/// The same value, whatever its text: 20 and 20.0, members in any order.
[[nodiscard]] bool is_same_json(const std::string& one, const std::string& other);

/// The member that says that an object is a component, by the conventions of IoT Plug and Play.
inline constexpr std::string_view k_component_mark = "__t";

[[nodiscard]] inline bool is_object(std::string_view compact_json) { return compact_json.starts_with('{'); }

}  // namespace iotc_ha::azure
