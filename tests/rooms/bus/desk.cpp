#include "desk.hpp"

#include <utility>

namespace iotc_ha::bus {

void Desk::serve(Requests& requests) {
  requests.report = [this](std::string patch, const Answer<void>& done) {
    patches.push_back(std::move(patch));
    answer(done);
  };
  requests.reported = [this] { return reported; };
  requests.desired = [this] { return desired; };
  requests.claim_properties = [this](const core::Caller& caller, const std::vector<std::string>& names) {
    return claim(properties, caller, names);
  };
  requests.acknowledge = [this](const core::Caller& caller, azure::Acknowledgement what, const Answer<void>& done) {
    acknowledged.push_back({caller, std::move(what)});
    answer(done);
  };
  requests.unacknowledged = [this] { return unacknowledged; };
  requests.claim_commands = [this](const core::Caller& caller, const std::vector<std::string>& names) {
    return claim(commands, caller, names);
  };
  requests.complete = [this](const core::Caller& caller, std::uint64_t id, std::int32_t status, std::string payload,
                             const Answer<void>& done) {
    completed.push_back({caller, id, status, std::move(payload)});
    answer(done);
  };
  requests.caller_left = [this](const core::Caller& caller) {
    left.push_back(caller);
    for (Owners* owners : {&properties, &commands}) {
      std::erase_if(*owners, [&](const auto& owned) { return owned.second == caller; });
    }
  };
}

core::Result<void> Desk::claim(Owners& owners, const core::Caller& caller,
                               const std::vector<std::string>& names) const {
  if (refusal) return tl::unexpected(*refusal);
  for (const std::string& name : names) {
    const auto owned = owners.find(name);
    if (owned != owners.end() && owned->second != caller) {
      return core::fail(core::Fault::Busy, "another program has \"" + name + "\"");
    }
  }
  for (const std::string& name : names) owners[name] = caller;
  return {};
}

void Desk::answer(const Answer<void>& answer) {
  core::Result<void> result;
  if (refusal && refusals_left > 0) {
    --refusals_left;
    result = tl::unexpected(*refusal);
  }
  if (!hold) return answer(result);
  held.emplace_back([answer, result] { answer(result); });
}

}  // namespace iotc_ha::bus
