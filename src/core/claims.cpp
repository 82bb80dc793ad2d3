#include <iotc_ha/core/claims.hpp>

namespace iotc_ha::core {

Result<void> Claims::claim(const Caller& caller, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = owners_.find(name);
    if (found != owners_.end() && found->second != caller) {
      return fail(Fault::Busy, "'" + name + "' is claimed by another program, " + found->second);
    }
  }
  if (owners_.size() + names.size() > k_names_max) {
    return fail(Fault::Busy, "all programs together may claim " + std::to_string(k_names_max) + " names");
  }
  for (const std::string& name : names) {
    owners_.insert_or_assign(name, caller);
    if (ever_.size() < k_names_max) ever_.insert(name);
  }
  return {};
}

std::vector<std::string> Claims::release(const Caller& caller) {
  std::vector<std::string> names;
  for (auto each = owners_.begin(); each != owners_.end();) {
    if (each->second == caller) {
      names.push_back(each->first);
      each = owners_.erase(each);
    } else {
      ++each;
    }
  }
  return names;
}

std::optional<Caller> Claims::owner(const std::string& name) const {
  const auto found = owners_.find(name);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Claims::components() const {
  std::set<std::string> found;
  for (const std::string& name : ever_) {
    if (const std::size_t star = name.find('*'); star != std::string::npos) found.insert(name.substr(0, star));
  }
  return {found.begin(), found.end()};
}

}  // namespace iotc_ha::core
