#pragma once

#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::azure {

class Members;

/// The desired properties as a hub last told them, and which of them nobody has answered: each with its whole present
/// value, however many patches it came in. Names are "component*property" for those of components. Versions count for
/// one hub: another may be behind or ahead of it, so that on another hub every property is answered anew, with that
/// hub's version. Pure.
class Desired {
 public:
  /// `kept`: text() of the life before; "": there was none. What cannot be read begins anew.
  explicit Desired(const std::string& kept = "");

  /// The whole twin of a hub, read after each connect or after a gap. What is new waits, and what waited does.
  core::Result<void> take_twin(const std::string& hub, std::string_view twin_json);
  enum class Taken : std::uint8_t { Old, New, Gap };
  /// A patch that the hub of the last twin pushed. Old: it was in the twin. Gap: one before it is missing, nothing was
  /// changed, and the whole twin must be read.
  core::Result<Taken> take_patch(std::string_view patch_json);
  /// These are components although nothing in the twin marks them so.
  void know_components(const std::vector<std::string>& components);

  /// What nobody has answered, with its present value ("null": deleted).
  [[nodiscard]] std::vector<DesiredProperty> waiting() const;
  /// Somebody has, with the version that the answer is for. False when none of that name waits, or a newer one does.
  bool answered(const std::string& name, std::uint64_t version);

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const std::string& document() const { return document_; }
  [[nodiscard]] std::string text() const;  ///< what is to be kept on disk

  /// Of properties that are deleted and wait nevertheless, the last so many.
  static constexpr std::size_t k_gone_max = 100;

 private:
  core::Result<void> change(const Members& document, std::uint64_t version,
                            const std::function<bool(const std::string& name)>& is_told_anew);
  void read_waiting(std::string_view json);
  /// Where a component has become known as one, or unknown, its properties wait under the names that they have now.
  void rename_waiting(const Members& document);
  void forget_gone();

  std::string hub_ = R"("")";  ///< as a JSON string
  std::uint64_t version_ = 0;
  std::string document_ = "{}";
  std::vector<std::string> components_;
  std::map<std::string, std::string> values_;     ///< what is in the document, by name
  std::map<std::string, std::uint64_t> waiting_;  ///< by name, since which version
};

}  // namespace iotc_ha::azure
