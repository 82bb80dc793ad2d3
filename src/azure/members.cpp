#include "members.hpp"

#include <iotc_ha/azure/json.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace iotc_ha::azure {

core::Result<Members> Members::of(std::string_view object) {
  core::Result<std::vector<JsonMember>> read = members_of_object(object);
  if (!read) return tl::unexpected(std::move(read.error()));
  Members members;
  for (JsonMember& member : *read) members.set(member.name, std::move(member.json));
  return members;
}

const std::string* Members::find(const std::string& name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &members_[place->second].json;
}

void Members::set(const std::string& name, std::string json) {
  const auto [place, is_new] = places_.try_emplace(name, members_.size());
  if (is_new) {
    members_.push_back({name, std::move(json)});
  } else {
    members_[place->second].json = std::move(json);
  }
}

void Members::erase(const std::string& name) {
  const auto place = places_.find(name);
  if (place == places_.end()) return;
  members_[place->second].json.clear();
  places_.erase(place);
}

std::vector<std::string> Members::names() const {
  std::vector<std::string> names;
  for (const Member& member : members_) {
    if (!member.json.empty()) names.push_back(member.name);
  }
  return names;
}

std::string Members::text() const {
  std::string text = "{";
  for (const Member& member : members_) {
    if (member.json.empty()) continue;
    if (text.size() > 1) text += ',';
    text += quote_json(member.name).value() + ':' + member.json;
  }
  return text + '}';
}

bool is_same_json(const std::string& one, const std::string& other) {
  return one == other || nlohmann::json::parse(one) == nlohmann::json::parse(other);
}

}  // namespace iotc_ha::azure
