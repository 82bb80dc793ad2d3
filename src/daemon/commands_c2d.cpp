// The C2D messages of Commands: on disk until a program has completed them.

#include "commands.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/device/sample.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using core::Fault;
using runtime::Severity;

constexpr core::Instant::duration k_look_min = std::chrono::minutes{1};
constexpr core::Instant::duration k_look_max = std::chrono::hours{1};

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
  for (const auto& [id, durable] : durables_) {
    if (!durable.is_ending) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) finish(id, spool::k_store_tells);
}

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
  finish(oldest->first, spool::k_store_tells);
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
  if (is_over(durable)) {
    journal_.write(Severity::Warning,
                   "command " + shown(name) + " is dropped: its time is over, and no program took it");
    return finish(id, spool::k_store_tells);
  }
  if (const auto owner = claims_.owner(name)) return invoke(*owner, durable);
  if (settings_.config.sample.c2d_command_receive && device::knows_command(name) && !claims_.ever_claimed(name)) {
    const device::CommandOutcome outcome = device::take_command(name, command.payload);
    journal_.write(outcome.known ? Severity::Info : Severity::Warning, outcome.journal);
    return finish(id, spool::k_store_tells);
  }
  journal_.write(Severity::Info, "command " + shown(name) + " waits for a program that claims it");
}

void Commands::invoke(const core::Caller& caller, Durable& durable) {
  const core::DurableCommand& command = durable.command;
  auto payload = as_json(command.payload);
  if (!payload) {
    journal_.write(Severity::Warning, "command " + shown(full_name(command)) + " is dropped: its payload is no text");
    return finish(command.id, spool::k_store_tells);
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

}  // namespace iotc_ha::daemon
