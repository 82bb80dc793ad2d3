#include "watcher.hpp"

#include "command.hpp"
#include "text.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>

#include <poll.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr std::chrono::milliseconds k_again_after{200};
constexpr int k_claims_max = 25;                    ///< when the daemon has come back
constexpr std::chrono::seconds k_answer_within{2};  ///< the others wait for so long

/// What may be over in a moment: the daemon's queue is full, or its disk refuses.
bool passes(const Failure& failure) { return failure.outcome == Outcome::Busy || failure.name == "StorageFailed"; }

JsonObject event(const char* name) { return JsonObject().add("event", name).add("when", now()); }

}  // namespace

Watcher::Watcher(Daemon& daemon, const WatchOptions& options, int interrupt)
    : daemon_(daemon), options_(options), interrupt_(interrupt) {
  if (!options_.program.empty()) {
    responder_.emplace(options_.program, options_.file, std::chrono::seconds{options_.timeout}, interrupt_);
  }
  for (const std::string& name : options_.properties) {
    if (auto split = azure::split_command_name(name); !split.component.empty()) {
      components_.push_back(std::move(split.component));
    }
  }
}

int Watcher::run() {
  if (const auto listening = daemon_.listen(); !listening) return fail(listening.error());
  if (const auto claimed = claim(); !claimed) return fail(claimed.error());
  while (!failure_ && !done()) {
    const auto waited = daemon_.wait(interrupt_, claim_at_);
    if (!waited) return fail(waited.error());
    if (!*waited) break;
    if (claim_at_ && Clock::now() >= *claim_at_) claim_when_back();
    while (!failure_ && !done()) {
      const auto event = daemon_.take_event();
      if (!event) break;
      std::visit([this](const auto& told) { on(told); }, *event);
    }
  }
  return failure_ ? fail(*failure_) : EXIT_SUCCESS;
}

Result<void> Watcher::claim() {
  const auto claim_all = [](const std::vector<std::string>& names, bool& are_ours, auto call) -> Result<void> {
    if (are_ours || names.empty()) return {};
    Result<void> claimed = call(names);
    are_ours = claimed.has_value();
    return claimed;
  };
  auto claimed = claim_all(options_.properties, properties_are_ours_,
                           [this](const auto& names) { return daemon_.claim_properties(names); });
  if (!claimed) return claimed;
  return claim_all(options_.commands, commands_are_ours_,
                   [this](const auto& names) { return daemon_.claim_commands(names); });
}

void Watcher::claim_when_back() {
  claim_at_.reset();
  const auto claimed = claim();
  if (claimed) return;
  const Outcome outcome = claimed.error().outcome;
  const bool may_pass = outcome == Outcome::Busy || outcome == Outcome::NotRunning || outcome == Outcome::NoAnswer;
  if (may_pass && --claims_left_ > 0) {
    claim_at_ = Clock::now() + k_again_after;
  } else {
    failure_ = claimed.error();
  }
}

void Watcher::on(const StateTold& state) {
  if (state == last_state_) return;
  last_state_ = state;
  print(state.state + ": " + state.reason, event("state")
                                               .add("state", state.state)
                                               .add("reason", state.reason)
                                               .add("since", state.since)
                                               .add("hub", state.hub));
}

void Watcher::on(const FailedOver& failover) {
  print("failed over from " + failover.from + " to " + failover.to + " in " + show_duration(failover.duration),
        event("failed_over")
            .add("from", failover.from)
            .add("to", failover.to)
            .add("duration", static_cast<std::uint64_t>(failover.duration.count())));
}

void Watcher::on(const MessagesDropped& dropped) {
  print("messages are lost, between " + std::to_string(dropped.first) + " and " + std::to_string(dropped.last) + ": " +
            dropped.reason,
        event("messages_dropped").add("first", dropped.first).add("last", dropped.last).add("reason", dropped.reason));
}

void Watcher::on(const DaemonLeft& /*left*/) {
  claim_at_.reset();
  last_state_.reset();
  print("the daemon has left the bus", event("left"));
}

void Watcher::on(const DaemonCame& /*came*/) {
  properties_are_ours_ = false;
  commands_are_ours_ = false;
  claims_left_ = k_claims_max;
  claim_when_back();
}

void Watcher::on(const DesiredChanged& desired) {
  const auto members = azure::members_of_object(desired.json_patch);
  azure::DesiredDocument document{desired.version, {}};
  if (members) {
    for (const azure::JsonMember& member : *members) document.properties.push_back({member.name, member.json});
  }
  const auto properties = azure::by_component(document, components_);
  if (!members || !properties) return complain("the daemon told of desired properties that are not JSON");
  for (const azure::DesiredProperty& property : properties->properties) {
    if (done()) return;
    on_desired({property.name, property.json_value, desired.version});
  }
}

void Watcher::on_desired(const Wanted& wanted) {
  const azure::CommandName name = azure::split_command_name(wanted.name);
  std::string text =
      "property " + wanted.name + " (version " + std::to_string(wanted.version) + "): " + wanted.json_value;
  JsonObject object = event("property");
  object.add("name", name.name)
      .add("component", name.component)
      .add("version", wanted.version)
      .add_json("value", wanted.json_value);
  if (responder_) {
    auto answer = responder_->answer(wanted);
    interrupted_ = !answer;
    if (!answer) return;
    const auto given = give(wanted, *answer, [this](const auto& what) { return daemon_.acknowledge(what); });
    object.add("code", static_cast<std::uint64_t>(answer->code)).add_json("answer", answer->json_value);
    if (!answer->description.empty()) object.add("description", answer->description);
    const std::string what = answer->description.empty() ? answer->json_value : answer->description;
    tell_answer(given, std::to_string(answer->code) + " " + what, text, object);
  }
  print(text, object);
}

void Watcher::on(const core::Invocation& command) {
  const std::string name = command.component.empty() ? command.name : command.component + "*" + command.name;
  const std::string payload = azure::compact_json(command.payload).value_or("null");
  std::string text = (command.durable ? "durable command " : "command ") + name + ": " + payload;
  JsonObject object = event("command");
  object.add("id", command.id)
      .add("name", command.name)
      .add("component", command.component)
      .add("durable", command.durable)
      .add_json("payload", payload);
  if (responder_) {
    auto answer = responder_->answer(command);
    interrupted_ = !answer;
    if (!answer) return;
    const auto given = give(
        command, *answer, [&](const Completion& what) { return daemon_.complete(command.id, what.status, what.json); });
    object.add("status", static_cast<std::uint64_t>(answer->status)).add_json("answer", answer->json);
    tell_answer(given, std::to_string(answer->status) + " " + answer->json, text, object);
  }
  print(text, object);
}

template <typename Asked, typename Answer, typename Send>
Result<void> Watcher::give(const Asked& asked, Answer& answer, Send send) const {
  auto given = while_busy([&] { return send(answer); });
  if (given || given.error().outcome != Outcome::BadMessage) return given;
  answer = responder_->refused(asked, given.error());
  return while_busy([&] { return send(answer); });
}

template <typename Call>
Result<void> Watcher::while_busy(Call call) const {
  const auto until = Clock::now() + k_answer_within;
  while (true) {
    Result<void> called = call();
    if (called || !passes(called.error()) || Clock::now() >= until) return called;
    pollfd ends{interrupt_, POLLIN, 0};
    if (poll(&ends, 1, static_cast<int>(k_again_after.count())) > 0) return called;
  }
}

void Watcher::tell_answer(const Result<void>& answered, const std::string& what, std::string& text,
                          JsonObject& object) const {
  text += " -> " + what;
  if (answered) return;
  text += ", which was refused";
  object.add("refused", answered.error().name);
  complain("the answer was refused: " + answered.error().name + ": " + answered.error().text);
}

void Watcher::print(const std::string& text, const JsonObject& object) {
  ++lines_;
  std::cout << (options_.json ? object.text() : show_moment(now()) + "  " + text) << std::endl;
}

}  // namespace iotc_ha::cli
