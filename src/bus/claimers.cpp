#include "claimers.hpp"

#include <utility>

namespace iotc_ha::bus {

Claimers::Claimers(sdbus::IConnection& connection, Departures& departures,
                   std::function<void(const core::Caller&)> left, Broken broken)
    : departures_(departures),
      left_(std::move(left)),
      broken_(std::move(broken)),
      bus_(sdbus::createProxy(connection, BusName{k_dbus}, sdbus::ObjectPath{k_dbus_path})) {
  departures_.heard = [this](const std::string& name) { gone(name); };
}

Claimers::~Claimers() { departures_.heard = nullptr; }

template <typename Answered>
void Claimers::call_bus(const char* method, const std::string& argument, Answered answered) {
  try {
    bus_->callMethodAsync(method).onInterface(k_dbus).withArguments(argument).uponReplyInvoke(std::move(answered));
  } catch (const sdbus::Error& error) {
    broken_(error.getMessage());
  }
}

void Claimers::claim(const core::Caller& caller, std::vector<std::string> names, const Ask& ask, Answer<void> answer) {
  if (!claimers_.contains(caller)) {
    if (claimers_.size() >= k_claimers_max) {
      return answer(
          core::fail(core::Fault::Busy, std::to_string(k_claimers_max) + " programs have claimed something already"));
    }
    watch(caller);
  }
  call_bus("NameHasOwner", caller,
           [this, caller, names = std::move(names), ask, answer = std::move(answer)](ReplyError error, bool present) {
             core::Result<void> claimed = presence_of(caller, error, present);
             if (claimed) claimed = ask(caller, names);
             if (claimed) claimers_[caller].has_claimed = true;
             answer(claimed);
           });
}

void Claimers::watch(const core::Caller& caller) {
  claimers_.emplace(caller, Claimer{});
  call_bus("AddMatch", Departures::rule_for(caller), [this, caller](ReplyError error) {
    const auto claimer = claimers_.find(caller);
    if (error && claimer != claimers_.end()) claimer->second.unwatched = error->getMessage();
  });
}

core::Result<void> Claimers::presence_of(const core::Caller& caller, const ReplyError& error, bool present) {
  const auto claimer = claimers_.find(caller);
  if (error || claimer == claimers_.end() || !present) {
    // That of an AddMatch before this has come already: the bus answers in the order of the calls.
    if (claimer != claimers_.end() && !claimer->second.has_claimed) forget(caller);
    return core::fail(core::Fault::Busy, "the bus does not say whether the caller is there");
  }
  if (claimer->second.unwatched.empty()) return {};
  const std::string why = "the bus would not tell of the caller's end: " + claimer->second.unwatched;
  forget(caller);
  return core::fail(core::Fault::Busy, why);
}

void Claimers::forget(const core::Caller& caller) {
  claimers_.erase(caller);
  call_bus("RemoveMatch", Departures::rule_for(caller), [](ReplyError /*there was none*/) {});
}

void Claimers::gone(const core::Caller& caller) {
  const auto claimer = claimers_.find(caller);
  if (claimer == claimers_.end()) return;
  const bool has_claimed = claimer->second.has_claimed;
  forget(caller);
  if (has_claimed) left_(caller);
}

std::vector<core::Caller> Claimers::all() const {
  std::vector<core::Caller> callers;
  for (const auto& [caller, claimer] : claimers_) {
    if (claimer.has_claimed) callers.push_back(caller);
  }
  return callers;
}

}  // namespace iotc_ha::bus
