#include "interpreter.hpp"

#include "repetition.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using namespace std::chrono_literals;

/// DPS wants a token for one registration; it has to outlast the polls of that one.
constexpr std::chrono::seconds k_dps_token_life = 1h;

/// `journalctl MESSAGE_ID=…` finds every transition; the catalog explains it.
constexpr const char* k_transition_id = "e8b1d3c5a6f24b1c9d70f3a4827c5e16";
constexpr const char* k_failover_id = "0c9f4a7be2d84a35b6c1d2f08e93a471";

using Transport = config::Provisioning::Transport;

hub::Transport transport_of(const config::Hub& hub) {
  switch (hub.transport) {
    case config::Hub::Transport::Mqtt: return hub::Transport::Mqtt;
    case config::Hub::Transport::WebSocket: return hub::Transport::WebSocket;
    case config::Hub::Transport::Auto: break;
  }
  return hub::Transport::Auto;
}

runtime::Severity severity_of(const core::effect::Announce& announce) {
  // Between the lines of a failure that repeats it is there at debug level. That an open session was lost is news each
  // time: without it the journal would go on from a state that it has not
  // told.
  if (!(announce.from == "Connected" && announce.to != "Connected") && !worth_a_line(announce.repeat))
    return runtime::Severity::Debug;
  if (announce.to == "Halted") return runtime::Severity::Error;
  return announce.cause ? runtime::Severity::Warning : runtime::Severity::Info;
}

}  // namespace

void Interpreter::act(const core::Effect& effect) {
  std::visit([this](const auto& one) { act(one); }, effect);
}

core::Result<core::Registration> Interpreter::registration(std::chrono::milliseconds timeout, bool early_poll) const {
  const config::Config& config = tools_.settings.config;
  const auto now = std::chrono::floor<std::chrono::seconds>(tools_.loop.wall_now());
  auto token = azure::dps_token(tools_.settings.device_key, config.provisioning.id_scope, config.device.id,
                                now + k_dps_token_life);
  if (!token) return tl::unexpected(token.error());
  return core::Registration{.host = config.provisioning.host,
                            .port = config.provisioning.port,
                            .id_scope = config.provisioning.id_scope,
                            .registration_id = config.device.id,
                            .model_id = config.device.model_id,
                            .token = std::move(*token),
                            .timeout = timeout,
                            .early_poll = early_poll,
                            .ca_file = config.hub.ca_file.string(),
                            .proxy = config.hub.proxy};
}

void Interpreter::act(const core::effect::PrepareDps& /*effect*/) {
  // Over MQTT there is nothing to be gained: CONNECT is a question already, and is counted.
  if (tools_.settings.config.provisioning.transport != Transport::Https) return;
  // A key that cannot sign is told when it is needed.
  if (const auto whom = registration({}, false)) tools_.dps.prepare(*whom);
}

void Interpreter::act(const core::effect::AskDps& effect) {
  auto asked = registration(effect.timeout, effect.early_poll);
  if (!asked) {
    tools_.loop.post(
        [tell = tools_.tell_core, failed = core::event::DpsFailed{effect.attempt, asked.error()}] { tell(failed); });
    return;
  }
  switch (tools_.settings.config.provisioning.transport) {
    case Transport::Https: return tools_.dps.register_device(effect.attempt, *std::move(asked));
    case Transport::Mqtt:
      return tools_.registrar.register_device(effect.attempt, *std::move(asked), hub::Registrar::Transport::Mqtt);
    case Transport::WebSocket:
      return tools_.registrar.register_device(effect.attempt, *std::move(asked), hub::Registrar::Transport::WebSocket);
  }
}

void Interpreter::act(const core::effect::CancelDps& effect) {
  // The transport may have been another one when it was asked.
  tools_.dps.cancel(effect.attempt);
  tools_.registrar.cancel(effect.attempt);
}

void Interpreter::act(const core::effect::OpenSession& effect) {
  const config::Config& config = tools_.settings.config;
  const auto& [hub, device_id] = effect.target;
  const auto now = std::chrono::floor<std::chrono::seconds>(tools_.loop.wall_now());
  // A fresh token for every attempt: an old one looks to the hub exactly like a wrong key.
  auto token = azure::hub_token(tools_.settings.device_key, hub, device_id, now + config.hub.token_life);
  if (!token) {
    tools_.loop.post(
        [tell = tools_.tell_core, lost = core::event::HubLost{effect.attempt, token.error()}] { tell(lost); });
    return;
  }
  tools_.sessions.open(effect.attempt,
                       {.assignment = effect.target,
                        .transport = transport_of(config.hub),
                        .user_name = azure::hub_user_name(hub, device_id, config.device.model_id,
                                                          std::string{"iotc-ha/"} + IOTC_HA_VERSION + " (linux)"),
                        .password = std::move(*token),
                        .keep_alive = config.hub.keep_alive,
                        .timeout = effect.timeout,
                        .ca_file = config.hub.ca_file,
                        .proxy = config.hub.proxy});
}

void Interpreter::act(const core::effect::CloseSession& effect) { tools_.sessions.close(effect.attempt, effect.drain); }

void Interpreter::act(const core::effect::Remember& effect) {
  tools_.store.remember(
      tools_.settings.assignment_key(), effect.remembered,
      [&journal = tools_.journal, hub = effect.remembered.assignment.hub](const core::Result<void>& kept) {
        if (kept) return;
        journal.write(runtime::Severity::Error,
                      "cannot keep the hub " + hub + " for the next start: " + kept.error().what);
      });
}

void Interpreter::act(const core::effect::KeepStanding& effect) {
  tools_.store.keep(k_standing_document, to_text(effect.standing), spool::k_store_tells);
}

void Interpreter::act(const core::effect::Announce& effect) {
  runtime::Journal::Fields fields = {
      {"MESSAGE_ID", k_transition_id}, {"IOTC_STATE", effect.to}, {"IOTC_HUB", effect.hub}};
  if (effect.cause) fields.emplace_back("IOTC_CAUSE", core::name_of(effect.cause->fault));
  tools_.journal.write(severity_of(effect), effect.line, fields);
  history_.push_front({tools_.loop.wall_now(), effect.from, effect.to, effect.line});
  if (history_.size() > k_history_max) history_.pop_back();
}

void Interpreter::act(const core::effect::FailedOver& effect) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(effect.duration).count();
  tools_.journal.write(runtime::Severity::Notice,
                       "failed over from " + effect.from + " to " + effect.to + " in " + std::to_string(ms) + " ms",
                       {{"MESSAGE_ID", k_failover_id},
                        {"IOTC_HUB", effect.to},
                        {"IOTC_DURATION_USEC", std::to_string(effect.duration.count())}});
  tools_.bus.failed_over(effect.from, effect.to, effect.duration);
}

void Interpreter::act(const core::effect::End& /*effect*/) { tools_.end(); }

std::vector<core::HistoryEntry> Interpreter::history(std::uint32_t max) const {
  const auto count = std::min<std::size_t>(max, history_.size());
  return {history_.begin(), history_.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace iotc_ha::daemon
