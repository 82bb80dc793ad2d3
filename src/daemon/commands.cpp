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

constexpr std::uint64_t k_first_number = 1ULL << 62U;
constexpr std::size_t k_over_max = 1'000;
constexpr std::size_t k_seen_max = 200;
constexpr core::Instant::duration k_look_min = std::chrono::minutes{1};
constexpr core::Instant::duration k_look_max = std::chrono::hours{1};

std::string shown(const std::string& name) { return '\'' + azure::one_line(name, 80) + '\''; }

std::string error_body(const std::string& what) {
  // one_line() leaves nothing but UTF-8, which is what quoting asks for.
  return R"({"error":)" + azure::quote_json(azure::one_line(what)).value() + '}';
}

std::string full_name(const core::DurableCommand& command) {
  return command.component.empty() ? command.name : command.component + '*' + command.name;
}

std::string property(const core::Properties& properties, std::string_view key) {
  const auto found =
      std::find_if(properties.begin(), properties.end(), [key](const auto& each) { return each.first == key; });
  return found == properties.end() ? std::string{} : found->second;
}

/// The payload for a program: JSON. What a cloud program sends as plain text is passed on as a JSON string; nothing for
/// what is not even text.
std::optional<std::string> as_json(const std::string& payload) {
  if (payload.empty()) return "null";
  if (auto json = azure::compact_json(payload)) return std::move(*json);
  if (auto text = azure::quote_json(payload)) return std::move(*text);
  return std::nullopt;
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

void Commands::begin(std::vector<core::DurableCommand> waiting) {
  for (core::DurableCommand& command : waiting) {
    const std::uint64_t id = command.id;
    durables_.emplace(id, Durable{std::move(command), {}});
  }
  offer_all();
  look_for_old_commands();
}

void Commands::forget_durables() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, durable] : durables_) ids.push_back(id);
  for (const std::uint64_t id : ids) finish(id, [](const core::Result<void>& /*the Store tells of its trouble*/) {});
}

void Commands::settings_changed() { offer_all(); }

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

// ---- C2D

void Commands::on(const hub::CommandReceived& notice) {
  const std::string full = property(notice.properties, "method-name");
  if (full.empty()) {
    journal_.write(Severity::Warning, "cloud-to-device message without a method-name: ignored");
    return notice.receipt->stored();
  }
  const azure::CommandName name = azure::split_command_name(full);
  const core::WallTime now = loop_.wall_now();
  core::DurableCommand command;
  command.message_id = property(notice.properties, "$.mid");
  command.name = name.name;
  command.component = name.component;
  command.payload = notice.payload;
  command.received = now;
  command.until = now + k_durable_age_max;
  if (const auto expiry = azure::read_time(property(notice.properties, "$.exp"))) {
    command.until = std::min(command.until, *expiry);
  }
  put_by(command, notice.receipt);
}

void Commands::put_by(const core::DurableCommand& command, const std::shared_ptr<hub::Receipt>& receipt) {
  store_.take(command, [this, command, receipt](const Taken& id) { taken(command, id, receipt); });
}

void Commands::taken(const core::DurableCommand& command, const Taken& id,
                     const std::shared_ptr<hub::Receipt>& receipt) {
  if (!id && id.error().fault == Fault::SpoolFull) return make_room(command, id.error(), receipt);
  const std::string name = shown(full_name(command));
  if (!id) {
    if (refusals_ >= k_refusals_max) return take_in_memory(command, id.error(), *receipt);
    ++refusals_;
    // Without the receipt the hub keeps it, and sends it again in the next session.
    return journal_.write(Severity::Error, "command " + name + " is left with the hub: " + id.error().what);
  }
  refusals_ = 0;
  receipt->stored();
  if (!*id) {
    return journal_.write(Severity::Info, "command " + name + " has come again (id " +
                                              azure::one_line(command.message_id, 80) + "): ignored");
  }
  core::DurableCommand kept = command;
  kept.id = **id;
  add(std::move(kept));
}

/// What nobody wants must not stand in the way of what somebody does: the oldest goes, first of those that no program
/// was told of.
void Commands::make_room(const core::DurableCommand& command, const core::Error& full,
                         const std::shared_ptr<hub::Receipt>& receipt) {
  const auto goes = [](const auto& each) { return !each.second.is_ending && !each.second.caller; };
  auto oldest = std::find_if(durables_.begin(), durables_.end(), goes);
  if (oldest == durables_.end()) {
    // To leave it with the hub would cost one session after the other.
    receipt->stored();
    return journal_.write(Severity::Error, "command " + shown(full_name(command)) + " is dropped: " + full.what);
  }
  journal_.write(Severity::Warning,
                 "command " + shown(full_name(oldest->second.command)) + " is dropped to make room: " + full.what);
  finish(oldest->first, [](const core::Result<void>& /*the Store tells of its trouble*/) {});
  put_by(command, receipt);
}

void Commands::take_in_memory(core::DurableCommand command, const core::Error& refused, hub::Receipt& receipt) {
  receipt.stored();
  const auto is_same = [&](const auto& each) { return each.second.command.message_id == command.message_id; };
  if (!command.message_id.empty() && std::any_of(durables_.begin(), durables_.end(), is_same)) return;
  if (durables_.size() >= spool::Store::k_commands_max) {
    return journal_.write(Severity::Error, "command " + shown(full_name(command)) + " is dropped: " + refused.what);
  }
  journal_.write(Severity::Error,
                 "command " + shown(full_name(command)) +
                     " is only in memory, and lost if this process ends before it is completed: " + refused.what);
  command.id = ++last_number_;
  add(std::move(command));
}

void Commands::add(core::DurableCommand command) {
  const std::uint64_t id = command.id;
  durables_.insert_or_assign(id, Durable{std::move(command), {}, false});
  offer(id);
  look_for_old_commands();
}

void Commands::offer_all() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, durable] : durables_) ids.push_back(id);
  for (const std::uint64_t id : ids) offer(id);
}

void Commands::offer(std::uint64_t id) {
  Durable& durable = durables_.at(id);
  if (durable.caller || durable.is_ending) return;
  const core::DurableCommand& command = durable.command;
  const std::string name = full_name(command);
  const auto tell = [](const core::Result<void>& /*the Store tells of its trouble*/) {};
  if (is_over(durable)) {
    journal_.write(Severity::Warning,
                   "command " + shown(name) + " is dropped: its time is over, and no program took it");
    return finish(id, tell);
  }
  if (const auto owner = claims_.owner(name)) return invoke(*owner, durable);
  if (settings_.config.sample.c2d_command_receive && device::knows_command(name) && !claims_.ever_claimed(name)) {
    const device::CommandOutcome outcome = device::take_command(name, command.payload);
    journal_.write(outcome.known ? Severity::Info : Severity::Warning, outcome.journal);
    return finish(id, tell);
  }
  journal_.write(Severity::Info, "command " + shown(name) + " waits for a program that claims it");
}

void Commands::invoke(const core::Caller& caller, Durable& durable) {
  const core::DurableCommand& command = durable.command;
  auto payload = as_json(command.payload);
  if (!payload) {
    journal_.write(Severity::Warning, "command " + shown(full_name(command)) + " is dropped: its payload is no text");
    return finish(command.id, [](const core::Result<void>& /*the Store tells of its trouble*/) {});
  }
  durable.caller = caller;
  journal_.write(Severity::Info, "command " + shown(full_name(command)) + " goes to " + caller);
  invoke_(caller, {command.id, command.name, command.component, std::move(*payload), true});
}

bool Commands::is_over(const Durable& durable) const { return durable.command.until <= loop_.wall_now(); }

/// What a program was told of may take its time.
void Commands::look_for_old_commands() {
  std::vector<std::uint64_t> over;
  std::optional<core::WallTime> next;
  for (const auto& [id, durable] : durables_) {
    if (durable.caller || durable.is_ending) continue;
    if (is_over(durable)) {
      over.push_back(id);
    } else {
      next = std::min(next.value_or(durable.command.until), durable.command.until);
    }
  }
  for (const std::uint64_t id : over) offer(id);
  if (durables_.empty()) return age_timer_->disarm();
  // Not too often, should the disk refuse to forget; and not too late, should somebody set the clock.
  const auto wait = next ? *next - loop_.wall_now() : k_look_max;
  age_timer_->arm(loop_.now() + std::clamp<core::Instant::duration>(wait, k_look_min, k_look_max));
}

/// On disk first: a program that is told otherwise may try again.
void Commands::finish(std::uint64_t id, bus::Answer<void> answer) {
  Durable& durable = durables_.at(id);
  if (id >= k_first_number) {
    finished(id, {});
    return answer({});
  }
  durable.is_ending = true;
  store_.complete(id, [this, id, answer = std::move(answer)](const core::Result<void>& forgotten) {
    finished(id, forgotten);
    answer(forgotten);
  });
}

void Commands::finished(std::uint64_t id, const core::Result<void>& forgotten) {
  if (!forgotten) {
    durables_.at(id).is_ending = false;
    return look_for_old_commands();
  }
  if (const auto& caller = durables_.at(id).caller) remember_over(id, *caller, Fault::AlreadyCompleted);
  durables_.erase(id);
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
