#include "agent.hpp"

#include <iotc_ha/runtime/service_manager.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using namespace std::chrono_literals;
using runtime::Severity;
namespace service_manager = runtime::service_manager;

/// A worker that has been inside one call for so long will not come back: every call of ours has a shorter limit.
constexpr auto k_worker_stuck = 60s;
constexpr std::chrono::microseconds k_pulse_default = 5s;
/// `systemctl stop` must end within five seconds, whatever a library does.
constexpr auto k_stop_limit = 4s;
/// The document that says whose twin and commands the others are.
constexpr const char* k_device = "device";

}  // namespace

Agent::Agent(runtime::Loop& loop, runtime::Journal& journal, config::Sources sources, Settings settings,
             std::unique_ptr<spool::Store> store, courier::Program dps_program, const std::string& bus_address)
    : loop_(loop),
      journal_(journal),
      sources_(std::move(sources)),
      settings_(std::move(settings)),
      store_(std::move(store)),
      sessions_(loop, [this](const hub::Notice& notice) { on(notice); }),
      dps_(loop, std::move(dps_program), [this](const core::RegistrationNotice& notice) { on(notice); }),
      registrar_(loop, [this](const core::RegistrationNotice& notice) { on(notice); }),
      bus_(loop, bus_address, {IOTC_HA_VERSION, settings_.config.device.model_id}, requests(),
           [this](const std::string& line) { journal_.write(Severity::Warning, line); }),
      interpreter_({loop, journal, sessions_, dps_, registrar_, *store_, bus_, settings_,
                    [this](const core::Event& event) { decide(event); }, [this] { end(); }}),
      watch_(loop, settings_,
             {.suspect =
                  [this](core::AttemptId attempt, std::string what) {
                    decide(core::event::Suspected{attempt, std::move(what)});
                  },
              .relieved = [this](core::AttemptId attempt) { decide(core::event::Relieved{attempt}); },
              .probe = [this] { twin_.probe(); },
              .dead = [this](core::AttemptId attempt, core::Error error) { silent(attempt, std::move(error)); }}),
      uplink_(loop, journal, *store_, sessions_, settings_, watch_,
              {.dropped = [this](const core::Dropped& dropped) { bus_.messages_dropped(dropped); },
               .figures_changed = [this] { bus_.figures_changed(); },
               .quiet = [this](core::AttemptId) { look_for_quiet(); }}),
      twin_(loop, journal, sessions_, *store_, settings_, watch_,
            {.silent = [this](core::AttemptId attempt, core::Error error) { silent(attempt, std::move(error)); },
             .known = [this] { sample_.session_opened(); },
             .quiet = [this](core::AttemptId) { look_for_quiet(); },
             .desired_changed = [this](const core::Caller& to, const std::string& patch,
                                       std::uint64_t version) { bus_.desired_changed(to, patch, version); },
             .unacknowledged_changed = [this] { bus_.unacknowledged_changed(); }}),
      commands_(loop, journal, sessions_, *store_, settings_,
                [this](const core::Caller& to, const core::Invocation& invocation) { bus_.invoked(to, invocation); }),
      sample_(loop, journal, uplink_, twin_, settings_),
      world_(loop, [this](const runtime::World::News& news) { on(news); }),
      deadline_(loop.make_timer([this] {
        decide(core::event::TimeReached{});
        look_for_quiet();
      })),
      pulse_(loop.make_timer([this] { pulse(); })),
      last_resort_(loop.make_timer([this] {
        journal_.write(Severity::Error, "could not disconnect in time; ending without it");
        abandon_workers();
        loop_.exit(EXIT_SUCCESS);
      })) {}

void Agent::abandon_workers() {
  workers_abandoned_ = true;
  sessions_.abandon();
  registrar_.abandon();
  store_->abandon();
}

// ---- Deciding and acting

core::Context Agent::context() {
  return {.now = loop_.now(),
          .wall = loop_.wall_now(),
          .chance = std::uniform_real_distribution<double>{0.0, 1.0}(chance_),
          .policy = settings_.config.failover,
          .token_life = settings_.config.hub.token_life};
}

void Agent::decide(const core::Event& event) { take(core::step(supervisor_, event, context())); }

void Agent::take(core::Step step) {
  supervisor_ = std::move(step.supervisor);
  if (!std::holds_alternative<core::state::Connected>(supervisor_.state)) {
    sample_.session_ended();
    twin_.session_ended();
    commands_.session_ended();
    watch_.session_ended();
    // A session that ends with the daemon takes telemetry for as long as it is drained.
    if (!std::holds_alternative<core::state::Stopping>(supervisor_.state)) {
      uplink_.session_ended(core::Outbox::End::Planned);
    }
  }
  for (const core::Effect& effect : step.effects) {
    if (std::holds_alternative<core::effect::OpenSession>(effect)) opening_since_ = loop_.now();
    interpreter_.act(effect);
  }
  deadline_->arm(core::deadline(supervisor_.state));
  publish_status();
}

void Agent::publish_status() {
  bus_.publish(supervisor_.status);
  service_manager::status(supervisor_.status.state + ": " + supervisor_.status.state_reason + " [" + sample_.sensors() +
                          "]");
}

// ---- The life

std::optional<core::Remembered> Agent::remembered() {
  auto found = store_->remembered(settings_.assignment_key());
  if (found) return *found;
  journal_.write(Severity::Error, "cannot read the remembered hub: " + found.error().what + "; asking DPS");
  return std::nullopt;
}

void Agent::recall() {
  auto documents = store_->documents();
  if (!documents) {
    journal_.write(Severity::Error, "cannot read what is kept of the twin: " + documents.error().what);
    documents.emplace();
  }
  auto commands = store_->commands();
  if (!commands) {
    journal_.write(Severity::Error, "cannot read the commands that wait: " + commands.error().what);
    commands.emplace();
  }
  const std::string kept_for = (*documents)[k_device];
  if (kept_for != settings_.identity()) {
    if (!kept_for.empty()) {
      journal_.write(Severity::Warning, "the twin and the commands on disk are those of " + kept_for +
                                            ", which this device is not: forgotten");
    }
    for (const core::DurableCommand& command : *commands) store_->complete(command.id, spool::k_store_tells);
    commands->clear();
    documents->clear();
    keep_identity();
  }
  kept_standing_ = read_standing((*documents)[k_standing_document]);
  twin_.begin(*documents);
  commands_.begin(std::move(*commands));
}

void Agent::keep_identity() {
  for (const auto& name : {Twin::k_reported, Twin::k_desired}) store_->keep(name, "", spool::k_store_tells);
  store_->keep(k_device, settings_.identity(), spool::k_store_tells);
}

void Agent::begin() {
  journal_.write(Severity::Info, std::string{"iotc-ha "} + IOTC_HA_VERSION + " for " + settings_.config.device.id +
                                     " in scope " + settings_.config.provisioning.id_scope + "; " + sample_.sensors());
  if (!world_.trouble().empty()) journal_.write(Severity::Warning, world_.trouble());
  recall();
  take(core::start(remembered(), kept_standing_, context()));
  sample_.begin();
  pulse();
  service_manager::ready();  // offline is a normal state: it can work, so it is ready
}

void Agent::reload() {
  service_manager::reloading();
  auto loaded = config::load(sources_);
  if (!loaded) {
    for (const config::Fault& fault : loaded.error()) journal_.write(Severity::Error, to_string(fault));
    journal_.write(Severity::Error, "the configuration was not taken; the running one stays in force");
    return service_manager::ready();
  }
  auto next = make_settings(std::move(*loaded));
  if (!next) {
    journal_.write(Severity::Error, next.error().what + "; the running configuration stays in force");
    return service_manager::ready();
  }
  const bool differs = connection_differs(settings_, *next);
  const bool is_another = settings_.identity() != next->identity();
  settings_ = std::move(*next);
  if (const auto level = runtime::parse_severity(settings_.config.log.level)) journal_.set_level(*level);
  journal_.write(Severity::Info, differs ? "reloaded; the connection settings have changed" : "reloaded");
  bus_.publish_model(settings_.config.device.model_id);
  decide(core::event::Reloaded{differs, remembered()});
  if (is_another) {
    twin_.forget();
    commands_.forget_durables();
    keep_identity();
  }
  uplink_.settings_changed();
  twin_.settings_changed();
  commands_.settings_changed();
  sample_.settings_changed();
  service_manager::ready();
}

void Agent::stop() {
  service_manager::stopping();
  last_resort_->arm(loop_.now() + k_stop_limit);
  sample_.stop();
  uplink_.stop_accepting();
  decide(core::event::StopAsked{});
}

void Agent::end() {
  store_->settle([this] {
    journal_.write(Severity::Info, "stopped: " + uplink_.account());
    loop_.exit(EXIT_SUCCESS);
  });
}

void Agent::silent(core::AttemptId attempt, core::Error error) {
  error.what = supervisor_.status.current_hub + " " + error.what;
  sessions_.close(attempt, 0ms);  // it does not answer: there is nobody to say goodbye to
  uplink_.session_ended(core::Outbox::End::Lost);
  decide(core::event::HubLost{attempt, std::move(error)});
}

/// A planned renewal is best made while nothing is under way.
void Agent::look_for_quiet() {
  const auto* open = std::get_if<core::state::Connected>(&supervisor_.state);
  if (open == nullptr || loop_.now() < open->renew_from || !uplink_.quiet() || !twin_.quiet()) return;
  decide(core::event::Quiet{open->attempt});
}

void Agent::pulse() {
  const auto stuck = [](const auto& worker) { return worker.stuck_for().value_or(0us) > k_worker_stuck; };
  const bool mqtt_stuck = stuck(sessions_) || stuck(registrar_);
  if (mqtt_stuck || stuck(*store_)) {
    journal_.write(Severity::Critical,
                   std::string{"the "} + (mqtt_stuck ? "MQTT" : "disk") +
                       " worker has not come back for a minute; ending, so that systemd starts this "
                       "service anew");
    abandon_workers();
    loop_.exit(EXIT_FAILURE);
    return;
  }
  service_manager::alive();
  const auto interval = service_manager::watchdog_interval();
  pulse_->arm(loop_.now() + (interval ? *interval / 2 : k_pulse_default));
}

// ---- What comes from outside

void Agent::on(const core::RegistrationNotice& notice) {
  struct Visitor {
    Agent& agent;
    void operator()(const core::RegistrationSent& e) const { agent.decide(core::event::RegistrationSent{e.attempt}); }
    void operator()(const core::PollThrottled& e) const { agent.decide(core::event::PollThrottled{e.attempt}); }
    void operator()(const core::Registered& e) const {
      if (!e.assignment) return agent.decide(core::event::DpsFailed{e.attempt, e.assignment.error()});
      agent.journal_.write(Severity::Debug, "DPS: assigned to " + e.assignment->hub +
                                                (e.substatus.empty() ? "" : ", substatus " + e.substatus));
      agent.decide(core::event::Assigned{e.attempt, *e.assignment, e.substatus});
    }
  };
  std::visit(Visitor{*this}, notice);
}

void Agent::on(const runtime::World::News& news) {
  using Change = runtime::World::Change;
  const std::string seconds = std::to_string(std::chrono::abs(news.by).count()) + " s";
  std::string what = "the network has changed";
  if (news.change == Change::ClockSet) {
    what = "the clock was set " + seconds + (news.by < 0s ? " back" : " forward");
  } else if (news.change == Change::Resumed) {
    what = "the machine has slept for " + seconds;
  }
  journal_.write(news.change == Change::Network ? Severity::Debug : Severity::Info, what);
  if (news.change == Change::Network) sessions_.network_changed();
  decide(core::event::WorldChanged{std::move(what)});
}

void Agent::on(const hub::Notice& notice) {
  struct Visitor {
    Agent& agent;
    void operator()(const hub::Opened& e) const {
      agent.decide(core::event::SessionOpened{e.attempt});
      // The core drops what an older attempt says; only the session that it has taken may speak.
      const auto* open = std::get_if<core::state::Connected>(&agent.supervisor_.state);
      if (open == nullptr || open->attempt != e.attempt) return;
      agent.watch_.session_opened(e.attempt, agent.loop_.now() - agent.opening_since_);
      agent.twin_.session_opened(e.attempt, open->at.hub);
      agent.uplink_.session_opened(e.attempt, open->at.hub);
    }
    void operator()(const hub::Lost& e) const {
      const auto* open = std::get_if<core::state::Connected>(&agent.supervisor_.state);
      if (open != nullptr && open->attempt == e.attempt && e.error.fault == core::Fault::ConnectionLost) {
        agent.uplink_.session_ended(core::Outbox::End::Closed);
      }
      agent.decide(core::event::HubLost{e.attempt, e.error});
    }
    void operator()(const hub::Closed& e) const { agent.decide(core::event::SessionClosed{e.attempt}); }
    void operator()(const hub::TelemetryAcknowledged& e) const { agent.uplink_.on(e); }
    void operator()(const hub::DesiredPatched& e) const { agent.twin_.on(e); }
    void operator()(const hub::TwinAnswered& e) const { agent.twin_.on(e); }
    void operator()(const hub::MethodInvoked& e) const { agent.commands_.on(e); }
    void operator()(const hub::CommandReceived& e) const { agent.commands_.on(e); }
    void operator()(const hub::Ignored& e) const {
      agent.journal_.write(Severity::Warning, "from the hub, and not understood: " + e.error.what);
    }
  };
  std::visit(Visitor{*this}, notice);
}

void Agent::add_requests_of_programs(bus::Requests& requests) {
  requests.report = [this](const std::string& patch, bus::Answer<void> answer) {
    twin_.report(patch, std::move(answer));
  };
  requests.reported = [this] { return twin_.reported(); };
  requests.desired = [this] { return twin_.desired(); };
  requests.claim_properties = [this](const core::Caller& caller, const std::vector<std::string>& names) {
    return twin_.claim(caller, names);
  };
  requests.acknowledge = [this](const core::Caller& caller, const azure::Acknowledgement& acknowledgement,
                                bus::Answer<void> answer) {
    twin_.acknowledge(caller, acknowledgement, std::move(answer));
  };
  requests.unacknowledged = [this] { return twin_.unacknowledged(); };
  requests.claim_commands = [this](const core::Caller& caller, const std::vector<std::string>& names) {
    return commands_.claim(caller, names);
  };
  requests.complete = [this](const core::Caller& caller, std::uint64_t id, std::int32_t status,
                             const std::string& payload, bus::Answer<void> answer) {
    commands_.complete(caller, id, status, payload, std::move(answer));
  };
  requests.caller_left = [this](const core::Caller& caller) {
    twin_.caller_left(caller);
    commands_.caller_left(caller);
  };
}

bus::Requests Agent::requests() {
  const auto named = [](Severity severity) { return std::string{runtime::name_of(severity)}; };
  bus::Requests requests;
  add_requests_of_programs(requests);
  requests.reconnect = [this] { decide(core::event::ReconnectAsked{}); };
  requests.reprovision = [this] { decide(core::event::ReprovisionAsked{}); };
  requests.history = [this](std::uint32_t max) { return interpreter_.history(max); };
  requests.log_level = [this, named] { return named(journal_.level()); };
  requests.set_log_level = [this](const std::string& level) -> core::Result<void> {
    const auto severity = runtime::parse_severity(level);
    if (!severity) return core::fail(core::Fault::BadConfiguration, "no log level is called '" + level + "'");
    journal_.set_level(*severity);
    return {};
  };
  requests.log_target = [this] {
    return journal_.target() == runtime::Journal::Target::Journal ? "journal" : "console";
  };
  requests.set_log_target = [this](const std::string& target) -> core::Result<void> {
    if (target != "journal" && target != "console" && target != "auto") {
      return core::fail(core::Fault::BadConfiguration,
                        "the log target is journal, console or auto, not '" + target + "'");
    }
    journal_.set_target(target == "console" ? runtime::Journal::Target::Console : runtime::Journal::Target::Journal);
    return {};
  };
  requests.submit = [this](std::vector<core::Submission> messages, bus::Answer<core::Sequences> answer) {
    uplink_.submit(std::move(messages), std::move(answer));
  };
  requests.flush = [this](std::uint64_t sequence, std::chrono::microseconds timeout, bus::Answer<void> answer) {
    uplink_.flush(sequence, timeout, std::move(answer));
  };
  requests.accounts = [this](bus::Answer<std::vector<core::Account>> answer) { store_->accounts(std::move(answer)); };
  requests.figures = [this] { return store_->figures(); };
  return requests;
}

}  // namespace iotc_ha::daemon
