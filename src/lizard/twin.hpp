#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/time.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace iotc_ha::lizard {

/// When a property was changed last, and the version of the document that this made.
struct PropertyChange {
  core::WallTime when{};
  std::uint64_t version = 0;
};
/// By component ("" for those of none) and name.
using PropertyChanges = std::map<std::pair<std::string, std::string>, PropertyChange>;

/// Components are marked, as IoT Plug and Play has it, by `"__t":"c"`.
[[nodiscard]] bool is_component(const nlohmann::json& value);

/// A device twin as an IoT hub keeps it: two JSON documents with a version each, changed by merge patches. A patch is
/// held against the hub's limits (32 KiB a document, depth 10, strings to 4 KiB, keys without '.', '$' and spaces,
/// integers within 2^52).
class Twin {
 public:
  /// `{"desired":{…,"$version":N},"reported":{…,"$version":M}}`
  [[nodiscard]] std::string document() const;
  /// Applies a patch and returns what is pushed to the device: the patch with its new `$version`.
  /// Error InvalidPayload or PayloadTooLarge; the twin is unchanged then.
  [[nodiscard]] core::Result<std::string> patch_desired(std::string_view patch, core::WallTime now);
  /// Applies a patch of the device. Errors as above.
  [[nodiscard]] core::Result<std::uint64_t> patch_reported(std::string_view patch, core::WallTime now);

  [[nodiscard]] std::uint64_t desired_version() const noexcept { return desired_version_; }
  [[nodiscard]] std::uint64_t reported_version() const noexcept { return reported_version_; }
  [[nodiscard]] const PropertyChanges& desired_changes() const noexcept { return desired_changes_; }
  [[nodiscard]] const PropertyChanges& reported_changes() const noexcept { return reported_changes_; }

 private:
  std::string desired_ = "{}";
  std::string reported_ = "{}";
  std::uint64_t desired_version_ = 1;
  std::uint64_t reported_version_ = 1;
  PropertyChanges desired_changes_;
  PropertyChanges reported_changes_;
};

}  // namespace iotc_ha::lizard
