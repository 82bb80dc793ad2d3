#include "members.hpp"

#include <iotc_ha/azure/desired.hpp>
#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/merge_patch.hpp>
#include <iotc_ha/azure/text.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::azure {
namespace {

/// The document with nothing taken apart.
std::string whole(const std::vector<DesiredProperty>& properties) {
  Members members;
  for (const DesiredProperty& property : properties) members.set(property.name, property.json_value);
  return members.text();
}

std::vector<DesiredProperty> properties_of(const std::string& json) {
  std::vector<DesiredProperty> properties;
  for (JsonMember& member : members_of_object(json).value_or(std::vector<JsonMember>{})) {
    properties.push_back({std::move(member.name), std::move(member.json)});
  }
  return properties;
}

bool has(const std::vector<DesiredProperty>& properties, const std::string& name) {
  return std::any_of(properties.begin(), properties.end(), [&](const auto& each) { return each.name == name; });
}

}  // namespace

Desired::Desired(const std::string& kept) {
  const auto members = members_of_object(kept);
  if (!members) return;
  for (const JsonMember& member : *members) {
    if (member.name == "hub") hub_ = member.json;
    if (member.name == "version") version_ = read_number<std::uint64_t>(member.json).value_or(0);
    if (member.name == "document" && members_of_object(member.json)) document_ = member.json;
    if (member.name == "waiting") read_waiting(member.json);
  }
}

void Desired::read_waiting(std::string_view json) {
  for (const JsonMember& member : members_of_object(json).value_or(std::vector<JsonMember>{})) {
    Waiting waiting;
    for (const JsonMember& part : members_of_object(member.json).value_or(std::vector<JsonMember>{})) {
      if (part.name == "value") waiting.json_value = part.json;
      if (part.name == "version") waiting.version = read_number<std::uint64_t>(part.json).value_or(0);
    }
    if (!waiting.json_value.empty()) waiting_[member.name] = std::move(waiting);
  }
}

core::Result<void> Desired::take_twin(const std::string& hub, std::string_view twin_json) {
  const auto told = desired_of_twin(twin_json);
  if (!told) return tl::unexpected(told.error());
  const DesiredDocument before{version_, properties_of(document_)};
  auto old_properties = by_component(before, components_);
  auto new_properties = by_component(*told, components_);
  if (!old_properties || !new_properties) {
    return tl::unexpected(old_properties ? new_properties.error() : old_properties.error());
  }
  auto name = quote_json(hub);
  if (!name) return tl::unexpected(name.error());
  const bool known = *name == hub_ && told->version == version_;
  hub_ = std::move(*name);
  version_ = told->version;
  document_ = whole(told->properties);
  if (known) return {};

  waiting_.clear();
  for (const DesiredProperty& gone : old_properties->properties) {
    if (!has(new_properties->properties, gone.name)) waiting_[gone.name] = {"null", version_};
  }
  wait_for(new_properties->properties, version_);
  return {};
}

core::Result<Desired::Taken> Desired::take_patch(std::string_view patch_json) {
  const auto told = desired_of_patch(patch_json);
  if (!told) return tl::unexpected(told.error());
  if (told->version <= version_) return Taken::Old;
  if (told->version > version_ + 1) return Taken::Gap;
  auto document = apply_patch(document_, whole(told->properties));
  auto properties = by_component(*told, components_);
  if (!document || !properties) return tl::unexpected(document ? properties.error() : document.error());
  version_ = told->version;
  document_ = std::move(*document);
  wait_for(properties->properties, version_);
  return Taken::New;
}

void Desired::know_components(const std::vector<std::string>& components) {
  components_ = components;
  for (const auto& [name, waiting] : std::exchange(waiting_, {})) {
    const DesiredDocument one{waiting.version, {{name, waiting.json_value}}};
    const auto apart = by_component(one, components_);
    wait_for(apart ? apart->properties : one.properties, waiting.version);
  }
}

void Desired::wait_for(const std::vector<DesiredProperty>& properties, std::uint64_t version) {
  for (const DesiredProperty& property : properties) waiting_[property.name] = {property.json_value, version};
}

std::vector<DesiredProperty> Desired::waiting() const {
  std::vector<DesiredProperty> properties;
  for (const auto& [name, waiting] : waiting_) properties.push_back({name, waiting.json_value});
  return properties;
}

bool Desired::answered(const std::string& name, std::uint64_t version) {
  const auto found = waiting_.find(name);
  if (found == waiting_.end() || version < found->second.version || version > version_) return false;
  waiting_.erase(found);
  return true;
}

std::string Desired::text() const {
  std::vector<DesiredProperty> waiting;
  for (const auto& [name, each] : waiting_) {
    waiting.push_back({name, R"({"value":)" + each.json_value + R"(,"version":)" + std::to_string(each.version) + '}'});
  }
  return R"({"hub":)" + (hub_.empty() ? R"("")" : hub_) + R"(,"version":)" + std::to_string(version_) +
         R"(,"document":)" + document_ + R"(,"waiting":)" + whole(waiting) + '}';
}

}  // namespace iotc_ha::azure
