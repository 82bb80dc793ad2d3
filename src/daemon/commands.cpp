#include "commands.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/device/sample.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using core::Fault;
using runtime::Severity;

constexpr std::size_t k_over_max = 1'000;
constexpr std::size_t k_seen_max = 200;

std::string error_body(const std::string& what) {
  // one_line() leaves nothing but UTF-8, which is what quoting asks for.
  return R"({"error":)" + azure::quote_json(azure::one_line(what)).value() + '}';
}

}  // namespace

Commands::Commands(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, spool::Store& store,
                   const Settings& settings, Invoke invoke)
    : loop_(loop),
      journal_(journal),
      sessions_(sessions),
      store_(store),
      settings_(settings),
      invoke_(std::move(invoke)),
      // A program that outlives us must not complete what a later life gave another number: they grow with the time.
      last_number_(k_first_number + static_cast<std::uint64_t>(loop.wall_now().time_since_epoch().count())),
      late_timer_(loop.make_timer([this] { look_for_late_methods(); })),
      age_timer_(loop.make_timer([this] { look_for_old_commands(); })) {}

void Commands::settings_changed() { offer_all(); }

std::string Commands::shown(const std::string& name) { return '\'' + azure::one_line(name, 80) + '\''; }

std::string Commands::full_name(const core::DurableCommand& command) {
  return command.component.empty() ? command.name : command.component + '*' + command.name;
}

// ---- Direct methods

void Commands::session_ended() {
  while (!methods_.empty()) end_method(methods_.begin()->first, Fault::NotConnected, {});
  seen_.clear();
  seen_order_.clear();
}

void Commands::on(const hub::MethodInvoked& notice) {
  const auto [seen, is_new] = seen_.try_emplace(notice.rid);
  if (!is_new) {  // the hub repeats itself: the same answer, and nothing is run twice
    if (seen->second) sessions_.answer_method(notice.attempt, notice.rid, seen->second->status, seen->second->json);
    return;
  }
  seen_order_.push_back(notice.rid);
  if (seen_order_.size() > k_seen_max) {
    seen_.erase(seen_order_.front());
    seen_order_.pop_front();
  }
  const auto owner = claims_.owner(notice.name);
  if (!owner) return answer(notice.attempt, notice.rid, answer_unclaimed(notice.name, notice.payload));
  auto payload = notice.payload.empty() ? std::string{"null"} : azure::compact_json(notice.payload);
  if (!payload) {
    return answer(notice.attempt, notice.rid, {400, error_body("the payload cannot be read: " + payload.error().what)});
  }
  if (methods_.size() >= k_methods_max) {
    return answer(
        notice.attempt, notice.rid,
        {503, error_body(std::to_string(k_methods_max) + " direct methods are waiting for an answer already")});
  }
  const std::uint64_t id = ++last_number_;
  methods_.emplace(id, Method{notice.attempt, notice.rid, notice.name, *owner, loop_.now() + k_method_limit});
  look_for_late_methods();
  const azure::CommandName name = azure::split_command_name(notice.name);
  journal_.write(Severity::Info, "method " + shown(notice.name) + " goes to " + *owner);
  invoke_(*owner, {id, name.name, name.component, std::move(*payload), false});
}

Commands::Answered Commands::answer_unclaimed(const std::string& name, const std::string& payload) {
  if (claims_.ever_claimed(name)) {
    journal_.write(Severity::Warning,
                   "method " + shown(name) + " answered 503: the program that had claimed it has left");
    return {503, error_body("method " + shown(name) + ": the program that answers it is not there")};
  }
  if (settings_.config.sample.direct_method_receive || !device::knows_method(name)) {
    device::MethodAnswer answer = device::answer_method(name, payload);
    journal_.write(Severity::Info, answer.journal);
    return {answer.status, std::move(answer.json)};
  }
  journal_.write(Severity::Info, "direct method refused: switched off in [sample]");
  return {503, R"({"error":"direct methods are switched off on this device"})"};
}

void Commands::answer(core::AttemptId attempt, const std::string& rid, Answered answered) {
  sessions_.answer_method(attempt, rid, answered.status, answered.json);
  if (const auto seen = seen_.find(rid); seen != seen_.end()) seen->second = std::move(answered);
}

void Commands::end_method(std::uint64_t id, Fault fault, std::optional<Answered> answered) {
  auto ended = methods_.extract(id);
  const Method& method = ended.mapped();
  remember_over(id, method.caller, fault);
  if (answered) answer(method.attempt, method.rid, std::move(*answered));
}

void Commands::look_for_late_methods() {
  while (!methods_.empty() && methods_.begin()->second.until <= loop_.now()) {
    const auto& [id, method] = *methods_.begin();
    journal_.write(Severity::Warning, "method " + shown(method.name) + " was not answered by " + method.caller +
                                          " in " + std::to_string(k_method_limit.count()) + " s");
    end_method(id, Fault::TimedOut, Answered{504, error_body("the program did not answer in time")});
  }
  if (methods_.empty()) return late_timer_->disarm();
  late_timer_->arm(methods_.begin()->second.until);
}

// ---- Programs

core::Result<void> Commands::claim(const core::Caller& caller, const std::vector<std::string>& names) {
  if (auto claimed = claims_.claim(caller, names); !claimed) return claimed;
  std::vector<std::uint64_t> theirs;
  for (const auto& [id, durable] : durables_) {
    if (std::find(names.begin(), names.end(), full_name(durable.command)) != names.end()) theirs.push_back(id);
  }
  for (const std::uint64_t id : theirs) offer(id);
  return {};
}

void Commands::complete(const core::Caller& caller, std::uint64_t id, int status, const std::string& payload,
                        bus::Answer<void> answer) {
  auto json = payload.empty() ? std::string{"null"} : azure::compact_json(payload);
  if (!json) return answer(core::fail(Fault::InvalidPayload, "the payload of the answer: " + json.error().what));
  if (json->size() > k_payload_max) {
    return answer(core::fail(Fault::PayloadTooLarge, "the payload of the answer has " + std::to_string(json->size()) +
                                                         " bytes; a hub takes " + std::to_string(k_payload_max)));
  }
  if (const auto method = methods_.find(id); method != methods_.end() && method->second.caller == caller) {
    return complete_method(caller, id, status, std::move(*json), answer);
  }
  const auto durable = durables_.find(id);
  if (durable == durables_.end() || durable->second.caller != caller) {
    return answer(tl::unexpected(refusal(caller, id)));
  }
  if (durable->second.is_ending) {
    return answer(core::fail(Fault::Busy, "command " + std::to_string(id) + " is being completed already"));
  }
  journal_.write(Severity::Info, "command " + shown(full_name(durable->second.command)) + " completed with status " +
                                     std::to_string(status) + " by " + caller);
  finish(id, std::move(answer));
}

void Commands::complete_method(const core::Caller& caller, std::uint64_t id, int status, std::string json,
                               const bus::Answer<void>& answer) {
  journal_.write(Severity::Info,
                 "method " + shown(methods_.at(id).name) + " answered " + std::to_string(status) + " by " + caller);
  end_method(id, Fault::AlreadyCompleted, Answered{status, std::move(json)});
  answer({});
}

void Commands::caller_left(const core::Caller& caller) {
  const std::vector<std::string> names = claims_.release(caller);
  if (names.empty()) return;
  journal_.write(Severity::Info, "the program " + caller + " has left; nobody answers for its " +
                                     std::to_string(names.size()) + " commands");
  std::vector<std::uint64_t> theirs;
  for (const auto& [id, method] : methods_) {
    if (method.caller == caller) theirs.push_back(id);
  }
  for (const std::uint64_t id : theirs) {
    end_method(id, Fault::NotClaimed, Answered{503, error_body("the program that was to answer has left")});
  }
  for (auto& [id, durable] : durables_) {
    if (durable.caller == caller) durable.caller.reset();
  }
}

void Commands::remember_over(std::uint64_t id, const core::Caller& caller, Fault fault) {
  over_.push_back({id, caller, fault});
  if (over_.size() > k_over_max) over_.pop_front();
}

core::Error Commands::refusal(const core::Caller& caller, std::uint64_t id) const {
  const auto over = std::find_if(over_.begin(), over_.end(),
                                 [&](const Over& each) { return each.id == id && each.caller == caller; });
  const std::string which = "command " + std::to_string(id);
  if (over == over_.end()) return {Fault::NotClaimed, which + " is none that this program was told of", {}};
  switch (over->fault) {
    case Fault::AlreadyCompleted: return {over->fault, which + " has been completed already", {}};
    case Fault::TimedOut: return {over->fault, which + " has timed out; the hub has its answer", {}};
    default: return {over->fault, which + " is over: the session with the hub has ended", {}};
  }
}

}  // namespace iotc_ha::daemon
