#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Twin documents and the IoT Plug and Play conventions for writable properties. JSON values travel as text, so that no
/// other room needs the JSON library's header for them.
namespace iotc_ha::azure {

/// One key of a desired document, its value as compact JSON text, exactly of the type that it had (42 stays 42).
struct DesiredProperty {
  std::string name;
  std::string json_value;  ///< "null" when the key was deleted by a patch
  friend bool operator==(const DesiredProperty&, const DesiredProperty&) = default;
};
struct DesiredDocument {
  std::uint64_t version = 0;  ///< `$version`
  std::vector<DesiredProperty> properties;
  friend bool operator==(const DesiredDocument&, const DesiredDocument&) = default;
};

/// The `desired` part of a full twin (the answer to GET). Error InvalidPayload names what is missing.
[[nodiscard]] core::Result<DesiredDocument> desired_of_twin(std::string_view twin_json);
/// A pushed patch, which carries its `$version` itself.
[[nodiscard]] core::Result<DesiredDocument> desired_of_patch(std::string_view patch_json);

/// The properties of components by themselves, named "component*property": an object with `"__t":"c"` is a component,
/// and so is one whose name stands in `components` (a desired patch may lack the mark). A component that is null stays
/// one property.
[[nodiscard]] core::Result<DesiredDocument> by_component(const DesiredDocument& document,
                                                         const std::vector<std::string>& components);
/// The opposite: a merge patch as it is in the twin, with `"__t":"c"` in each component.
[[nodiscard]] core::Result<std::string> desired_patch(const std::vector<DesiredProperty>& properties);
/// The `reported` part of a full twin, without the hub's own members (`$version`).
[[nodiscard]] core::Result<std::string> reported_of_twin(std::string_view twin_json);

/// The answer to one desired property; `name` may be "component*property", which becomes
/// `{"component":{"__t":"c","property":{…}}}`: `{"value":…,"ac":…,"av":…,"ad":…}`.
struct Acknowledgement {
  std::string name;
  std::string json_value;
  int code = 200;  ///< 200 done, 202 pending, 203 initial, 400 invalid, 404 unknown, 500 error
  std::uint64_t version = 0;
  std::string description;
  friend bool operator==(const Acknowledgement&, const Acknowledgement&) = default;
};
/// A reported patch with all of them, numbers exactly as they came; those of one component in one object.
[[nodiscard]] core::Result<std::string> acknowledgement_patch(const std::vector<Acknowledgement>& acknowledgements);

}  // namespace iotc_ha::azure
