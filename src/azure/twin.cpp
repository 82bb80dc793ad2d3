#include "members.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/azure/twin.hpp>

#include <algorithm>
#include <map>
#include <optional>

namespace iotc_ha::azure {
namespace {

using core::Fault;

constexpr std::string_view k_component = "\"c\"";

core::Result<DesiredDocument> read_desired(std::string_view json, std::string_view what) {
  const auto refuse = [what](const std::string& why) {
    return core::fail(Fault::InvalidPayload, std::string(what) + ": " + why);
  };
  core::Result<std::vector<JsonMember>> members = members_of_object(json);
  if (!members) return refuse(members.error().what);

  DesiredDocument document;
  std::optional<std::uint64_t> version;
  for (JsonMember& member : *members) {
    if (member.name == "$version") {
      version = read_number<std::uint64_t>(member.json);
      if (!version) return refuse("its '$version' is no whole number, but " + one_line(member.json, 40));
    } else if (!member.name.starts_with('$')) {  // '$' marks the hub's own members: a property cannot have it
      document.properties.push_back({std::move(member.name), std::move(member.json)});
    }
  }
  if (!version) return refuse("it has no '$version'");
  document.version = *version;
  return document;
}

core::Result<std::string> part_of_twin(std::string_view twin_json, const std::string& name) {
  const core::Result<Members> twin = Members::of(twin_json);
  if (!twin) return core::fail(Fault::InvalidPayload, "the twin: " + twin.error().what);
  const std::string* const part = twin->find(name);
  if (part == nullptr) return core::fail(Fault::InvalidPayload, "the twin: it has no '" + name + "' part");
  return *part;
}

/// Nothing when the property is no component.
core::Result<std::optional<Members>> members_of_component(const DesiredProperty& property,
                                                          const std::vector<std::string>& components) {
  const core::Result<std::string> json = compact_json(property.json_value);
  if (!json) return tl::unexpected(json.error());
  if (!is_object(*json)) return std::nullopt;
  Members members = Members::of(*json).value();
  const std::string* const mark = members.find(std::string(k_component_mark));
  const bool is_component = (mark != nullptr && *mark == k_component) ||
                            std::find(components.begin(), components.end(), property.name) != components.end();
  if (!is_component) return std::nullopt;
  return members;
}

/// A document by the conventions, put together from properties under their full names.
class ModelDocument {
 public:
  /// A name that stands twice has the later value. Errors InvalidPayload: that of `json`, or a name that is not UTF-8.
  core::Result<void> put(const std::string& full_name, const core::Result<std::string>& json) {
    if (!json) return tl::unexpected(json.error());
    if (const auto quoted = quote_json(full_name); !quoted) return tl::unexpected(quoted.error());
    const CommandName name = split_command_name(full_name);
    if (name.component.empty()) {
      components_.erase(name.name);
      root_.set(name.name, *json);
      return {};
    }
    const auto [component, is_new] = components_.try_emplace(name.component);
    if (is_new) {
      component->second.set(std::string(k_component_mark), std::string(k_component));
      root_.set(name.component, "{}");  // its place; what is in it comes last
    }
    component->second.set(name.name, *json);
    return {};
  }
  [[nodiscard]] std::string text() && {
    for (const auto& [name, members] : components_) root_.set(name, members.text());
    return root_.text();
  }

 private:
  Members root_;
  std::map<std::string, Members> components_;
};

/// `{"value":42,"ac":200,"av":7,"ad":"completed"}`
core::Result<std::string> answer_of(const Acknowledgement& acknowledgement) {
  const core::Result<std::string> value = compact_json(acknowledgement.json_value);
  if (!value) return tl::unexpected(value.error());
  const core::Result<std::string> description = quote_json(acknowledgement.description);
  if (!description) return tl::unexpected(description.error());
  std::string answer = R"({"value":)" + *value + R"(,"ac":)" + std::to_string(acknowledgement.code) + R"(,"av":)" +
                       std::to_string(acknowledgement.version);
  if (!acknowledgement.description.empty()) answer += R"(,"ad":)" + *description;
  return answer + '}';
}

}  // namespace

core::Result<DesiredDocument> desired_of_twin(std::string_view twin_json) {
  const core::Result<std::string> desired = part_of_twin(twin_json, "desired");
  if (!desired) return tl::unexpected(desired.error());
  return read_desired(*desired, "the twin's 'desired' part");
}

core::Result<DesiredDocument> desired_of_patch(std::string_view patch_json) {
  return read_desired(patch_json, "the desired patch");
}

core::Result<DesiredDocument> by_component(const DesiredDocument& document,
                                           const std::vector<std::string>& components) {
  DesiredDocument split{document.version, {}};
  for (const DesiredProperty& property : document.properties) {
    const auto component = members_of_component(property, components);
    if (!component) {
      return core::fail(Fault::InvalidPayload, "'" + one_line(property.name) + "': " + component.error().what);
    }
    if (const std::optional<Members>& members = *component; !members) {
      split.properties.push_back(property);
    } else {
      for (const std::string& name : members->names()) {
        if (name == k_component_mark || name.starts_with('$')) continue;
        split.properties.push_back({property.name + '*' + name, *members->find(name)});
      }
    }
  }
  return split;
}

core::Result<std::string> desired_patch(const std::vector<DesiredProperty>& properties) {
  ModelDocument document;
  for (const DesiredProperty& property : properties) {
    if (auto put = document.put(property.name, compact_json(property.json_value)); !put) {
      return core::fail(Fault::InvalidPayload, "'" + one_line(property.name) + "': " + put.error().what);
    }
  }
  return std::move(document).text();
}

core::Result<std::string> reported_of_twin(std::string_view twin_json) {
  const core::Result<std::string> part = part_of_twin(twin_json, "reported");
  if (!part) return tl::unexpected(part.error());
  core::Result<Members> reported = Members::of(*part);
  if (!reported) return core::fail(Fault::InvalidPayload, "the twin's 'reported' part: " + reported.error().what);
  for (const std::string& name : reported->names()) {
    if (name.starts_with('$')) reported->erase(name);
  }
  return reported->text();
}

core::Result<std::string> acknowledgement_patch(const std::vector<Acknowledgement>& acknowledgements) {
  ModelDocument document;
  for (const Acknowledgement& acknowledgement : acknowledgements) {
    if (auto put = document.put(acknowledgement.name, answer_of(acknowledgement)); !put) {
      return core::fail(Fault::InvalidPayload,
                        "the acknowledgement of '" + one_line(acknowledgement.name) + "': " + put.error().what);
    }
  }
  return std::move(document).text();
}

}  // namespace iotc_ha::azure
