#include "members.hpp"

#include <iotc_ha/azure/desired.hpp>
#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/merge_patch.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/text.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::azure {
namespace {

/// The document with nothing taken apart.
Members whole(const std::vector<DesiredProperty>& properties) {
  Members members;
  for (const DesiredProperty& property : properties) members.set(property.name, property.json_value);
  return members;
}

core::Result<std::map<std::string, std::string>> values_of(const Members& document,
                                                           const std::vector<std::string>& components) {
  DesiredDocument all;
  for (const std::string& name : document.names()) all.properties.push_back({name, *document.find(name)});
  auto split = by_component(all, components);
  if (!split) return tl::unexpected(split.error());
  std::map<std::string, std::string> values;
  for (DesiredProperty& property : split->properties) {
    values.emplace(std::move(property.name), std::move(property.json_value));
  }
  return values;
}

/// Whether the document says anything of a property, whichever way its component is written.
bool names(const Members& document, const std::string& full_name) {
  const CommandName name = split_command_name(full_name);
  if (name.component.empty()) return document.find(name.name) != nullptr;
  const std::string* const component = document.find(name.component);
  return component != nullptr && is_object(*component) && Members::of(*component).value().find(name.name) != nullptr;
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
  know_components({});
}

void Desired::read_waiting(std::string_view json) {
  for (const JsonMember& member : members_of_object(json).value_or(std::vector<JsonMember>{})) {
    if (const auto version = read_number<std::uint64_t>(member.json)) waiting_[member.name] = *version;
  }
}

core::Result<void> Desired::take_twin(const std::string& hub, std::string_view twin_json) {
  const auto told = desired_of_twin(twin_json);
  if (!told) return tl::unexpected(told.error());
  auto name = quote_json(hub);
  if (!name) return tl::unexpected(name.error());
  // A version that went back is that of a device which was made anew: it knows of no answer either.
  const bool anew = *name != hub_ || told->version < version_;
  auto become = change(whole(told->properties), told->version, [anew](const auto& /*each*/) { return anew; });
  if (!become) return become;
  hub_ = std::move(*name);
  return {};
}

core::Result<Desired::Taken> Desired::take_patch(std::string_view patch_json) {
  const auto told = desired_of_patch(patch_json);
  if (!told) return tl::unexpected(told.error());
  if (told->version <= version_) return Taken::Old;
  if (told->version > version_ + 1) return Taken::Gap;
  const Members patch = whole(told->properties);
  const auto document = apply_patch(document_, patch.text());
  if (!document) return tl::unexpected(document.error());
  // A value that is set once more wants an answer with the new version.
  const auto set = [&patch](const std::string& name) { return names(patch, name); };
  return change(Members::of(*document).value(), told->version, set).map([] { return Taken::New; });
}

core::Result<void> Desired::change(const Members& document, std::uint64_t version,
                                   const std::function<bool(const std::string&)>& is_told_anew) {
  auto values = values_of(document, components_);
  if (!values) return tl::unexpected(values.error());
  for (auto& [name, since] : waiting_) {
    if (is_told_anew(name)) since = version;
  }
  for (const auto& [name, value] : values_) {
    if (!values->contains(name)) waiting_[name] = version;
  }
  for (const auto& [name, value] : *values) {
    const auto before = values_.find(name);
    if (before == values_.end() || !is_same_json(before->second, value) || is_told_anew(name)) waiting_[name] = version;
  }
  document_ = document.text();
  version_ = version;
  values_ = std::move(*values);
  rename_waiting(document);
  forget_gone();
  return {};
}

void Desired::know_components(const std::vector<std::string>& components) {
  const Members document = Members::of(document_).value();
  auto values = values_of(document, components);
  if (!values) return;  // it could be read when it was taken
  components_ = components;
  values_ = std::move(*values);
  rename_waiting(document);
}

void Desired::rename_waiting(const Members& document) {
  for (const auto& [name, version] : std::map(waiting_)) {
    if (values_.contains(name) || !names(document, name)) continue;
    waiting_.erase(name);
    const std::string component = split_command_name(name).component;
    for (const auto& [present, value] : values_) {
      if (present != component && !present.starts_with(name + '*')) continue;
      std::uint64_t& since = waiting_[present];
      since = std::max(since, version);
    }
  }
}

void Desired::forget_gone() {
  std::vector<std::pair<std::uint64_t, std::string>> gone;
  for (const auto& [name, version] : waiting_) {
    if (!values_.contains(name)) gone.emplace_back(version, name);
  }
  if (gone.size() <= k_gone_max) return;
  std::sort(gone.begin(), gone.end());
  gone.resize(gone.size() - k_gone_max);
  for (const auto& [version, name] : gone) waiting_.erase(name);
}

std::vector<DesiredProperty> Desired::waiting() const {
  std::vector<DesiredProperty> properties;
  for (const auto& [name, version] : waiting_) {
    const auto value = values_.find(name);
    properties.push_back({name, value == values_.end() ? "null" : value->second});
  }
  return properties;
}

bool Desired::answered(const std::string& name, std::uint64_t version) {
  const auto found = waiting_.find(name);
  if (found == waiting_.end() || version < found->second || version > version_) return false;
  waiting_.erase(found);
  return true;
}

std::string Desired::text() const {
  Members waiting;
  for (const auto& [name, version] : waiting_) waiting.set(name, std::to_string(version));
  return R"({"hub":)" + hub_ + R"(,"version":)" + std::to_string(version_) + R"(,"document":)" + document_ +
         R"(,"waiting":)" + waiting.text() + '}';
}

}  // namespace iotc_ha::azure
