#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/azure/twin.hpp>

#include <algorithm>
#include <optional>

namespace iotc_ha::azure {
namespace {

using core::Fault;

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

}  // namespace

core::Result<DesiredDocument> desired_of_twin(std::string_view twin_json) {
  const core::Result<std::vector<JsonMember>> members = members_of_object(twin_json);
  if (!members) return core::fail(Fault::InvalidPayload, "the twin: " + members.error().what);
  const auto desired =
      std::find_if(members->begin(), members->end(), [](const JsonMember& member) { return member.name == "desired"; });
  if (desired == members->end()) return core::fail(Fault::InvalidPayload, "the twin: it has no 'desired' part");
  return read_desired(desired->json, "the twin's 'desired' part");
}

core::Result<DesiredDocument> desired_of_patch(std::string_view patch_json) {
  return read_desired(patch_json, "the desired patch");
}

core::Result<std::string> acknowledgement_patch(const std::vector<Acknowledgement>& acknowledgements) {
  std::string patch = "{";
  for (const Acknowledgement& acknowledgement : acknowledgements) {
    const auto refuse = [&acknowledgement](const core::Error& error) {
      return core::fail(Fault::InvalidPayload,
                        "the acknowledgement of '" + one_line(acknowledgement.name) + "': " + error.what);
    };
    const core::Result<std::string> name = quote_json(acknowledgement.name);
    if (!name) return refuse(name.error());
    const core::Result<std::string> value = compact_json(acknowledgement.json_value);
    if (!value) return refuse(value.error());
    const core::Result<std::string> description = quote_json(acknowledgement.description);
    if (!description) return refuse(description.error());

    if (patch.size() > 1) patch += ',';
    patch += *name + R"(:{"value":)" + *value + R"(,"ac":)" + std::to_string(acknowledgement.code) + R"(,"av":)" +
             std::to_string(acknowledgement.version);
    if (!acknowledgement.description.empty()) patch += R"(,"ad":)" + *description;
    patch += '}';
  }
  return patch + '}';
}

}  // namespace iotc_ha::azure
