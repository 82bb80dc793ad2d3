#include "property_documents.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

/// What a device reports of a property that it was asked to change: `{"value":…,"ac":…,"av":…,"ad":…}`.
bool is_acknowledgement(const json& value) {
  return value.is_object() && value.contains("value") && value.contains("ac") && value.contains("av");
}

bool is_mark(const std::string& name) { return name == "__t" || name.starts_with('$'); }

json member(const json& document, const std::string& name) {
  const auto found = document.find(name);
  return found == document.end() ? json() : *found;
}

/// One component, or the root without its components.
json shown(const Twin& twin, const json& desired, const json& reported, const std::string& component) {
  json result = json::object();
  json metadata = json::object();
  for (const auto& [name, value] : reported.items()) {
    if (is_mark(name) || (component.empty() && is_component(value))) continue;
    json& about = metadata[name];
    if (is_acknowledgement(value)) {
      result[name] = value["value"];
      about["ackVersion"] = value["av"];
      about["ackCode"] = value["ac"];
      if (value.contains("ad")) about["ackDescription"] = value["ad"];
    } else {
      result[name] = value;
    }
    about["lastUpdateTime"] = azure::iso8601_utc(twin.reported_changes().at({component, name}).when);
  }
  for (const auto& [name, value] : desired.items()) {
    if (is_mark(name) || (component.empty() && is_component(value))) continue;
    metadata[name]["desiredValue"] = value;
    metadata[name]["desiredVersion"] = twin.desired_changes().at({component, name}).version;
  }
  if (!metadata.empty()) result["$metadata"] = std::move(metadata);
  return result;
}

/// `{"name":value}` as the answer to a change has it: `{"$metadata":{"name":{"desiredValue":value}}}`.
json as_answer(const json& changes) {
  json metadata = json::object();
  json answer = json::object();
  for (const auto& [name, value] : changes.items()) {
    if (is_mark(name) || value.is_null()) continue;
    if (is_component(value)) {
      answer[name] = as_answer(value);
    } else {
      metadata[name]["desiredValue"] = value;
    }
  }
  answer["$metadata"] = std::move(metadata);
  return answer;
}

}  // namespace

std::string properties_of(const Twin& twin, const std::string& component) {
  const json document = json::parse(twin.document());
  const json& desired = document["desired"];
  const json& reported = document["reported"];
  if (!component.empty()) {
    return shown(twin, member(desired, component), member(reported, component), component).dump();
  }
  json result = shown(twin, desired, reported, "");
  for (const json* side : {&desired, &reported}) {
    for (const auto& [name, value] : side->items()) {
      if (is_component(value)) result[name] = shown(twin, member(desired, name), member(reported, name), name);
    }
  }
  return result.dump();
}

core::Result<DesiredChange> desired_change(const Twin& twin, const std::string& component, std::string_view body,
                                           bool replace) {
  json changes = json::parse(body, nullptr, false);
  if (!changes.is_object()) return core::fail(core::Fault::InvalidPayload, "The body is not a JSON object.");
  const json document = json::parse(twin.document());
  const json& desired = document["desired"];
  const json& reported = document["reported"];
  for (auto& [name, value] : changes.items()) {
    if (name.starts_with('$')) return core::fail(core::Fault::InvalidPayload, "'" + name + "' cannot be written.");
    const bool of_component = is_component(member(desired, name)) || is_component(member(reported, name));
    if (component.empty() && value.is_object() && of_component) value["__t"] = "c";
  }
  if (replace) {
    const json before = component.empty() ? desired : member(desired, component);
    for (const auto& [name, value] : before.items()) {
      if (!is_mark(name) && !changes.contains(name)) changes[name] = nullptr;
    }
  }
  const json answer = as_answer(changes);
  if (!component.empty()) {
    changes["__t"] = "c";
    changes = json{{component, std::move(changes)}};
  }
  return DesiredChange{.patch = changes.dump(), .answer = answer.dump()};
}

}  // namespace iotc_ha::lizard
