#include "connection.hpp"
#include "gate.hpp"
#include "lookups.hpp"

#include <iotc_ha/azure/dps.hpp>
#include <iotc_ha/azure/dps_mqtt.hpp>
#include <iotc_ha/core/poll_pace.hpp>
#include <iotc_ha/hub/registrar.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <algorithm>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace iotc_ha::hub {
namespace {

using core::Error;
using core::Fault;
using std::chrono::milliseconds;

constexpr std::size_t k_registration_jobs_max = 64;  // for the worker: more wait only if Paho hangs
constexpr milliseconds k_end_max{2'000};
constexpr std::chrono::seconds k_keep_alive{30};
/// After a poll that DPS was too busy to answer, unless it said how long to wait.
constexpr std::chrono::seconds k_busy_poll{5};

Endpoint endpoint_of(const core::Registration& registration, Registrar::Transport transport) {
  Endpoint dps;
  dps.assignment = {registration.host, registration.registration_id};
  dps.transport = transport == Registrar::Transport::WebSocket ? Transport::WebSocket : Transport::Mqtt;
  dps.mqtt_port = registration.port;
  dps.websocket_port = registration.port;
  dps.user_name = azure::dps_user_name(registration.id_scope, registration.registration_id, "iotc-ha/" IOTC_HA_VERSION);
  dps.password = registration.token;
  dps.keep_alive = k_keep_alive;
  dps.timeout = registration.timeout;
  dps.ca_file = registration.ca_file;
  dps.proxy = registration.proxy;
  return dps;
}

/// A refusal of the session is DPS's here. The networks' faults stay what they are.
Error as_of_dps(Error error) {
  switch (error.fault) {
    case Fault::HubUnavailable: error.fault = Fault::DpsUnavailable; break;
    case Fault::HubBadCredentials:
    case Fault::HubNotAuthorized: error.fault = Fault::DpsUnauthorized; break;
    case Fault::HubProtocol: error.fault = Fault::DpsProtocol; break;
    default: break;
  }
  return error;
}

/// One question, from the name look-up to the decision.
struct Question {
  enum class Phase : std::uint8_t { Resolving, Connecting, Subscribing, Registering, Waiting, Polling };

  core::AttemptId attempt;
  core::Registration registration;
  Endpoint endpoint;
  core::Instant deadline;
  Phase phase = Phase::Resolving;
  core::Instant next_poll{};                ///< while Waiting
  std::string operation_id{};               ///< from the first answer on
  std::optional<Error> last_busy{};         ///< what the last poll was answered, while that was only that DPS is busy
  std::optional<Error> failed_in_a_call{};  ///< to be told from the loop
};

std::string_view doing(Question::Phase phase) {
  switch (phase) {
    case Question::Phase::Resolving: return "resolving its name";
    case Question::Phase::Connecting: return "connecting";
    case Question::Phase::Subscribing: return "waiting for the SUBACK";
    case Question::Phase::Registering: return "waiting for the answer to the registration";
    case Question::Phase::Waiting:
    case Question::Phase::Polling: break;
  }
  return "assigning";
}

}  // namespace

/// Everything here is the loop thread's; `mqtt` runs Paho, and what Paho says comes back through happened().
struct Registrar::Inside : std::enable_shared_from_this<Inside> {
  runtime::Loop& loop;
  std::function<void(core::RegistrationNotice)> on_notice;
  Lookups lookups;
  std::unique_ptr<runtime::Loop::Timer> timer;
  std::shared_ptr<Bench> bench = std::make_shared<Bench>();
  std::shared_ptr<Gate> gate;
  std::optional<runtime::Worker> mqtt;  // from the first question on
  std::optional<Question> question;
  core::PollPace pace;
  std::uint64_t connection = 0;  ///< number of the present one: what an earlier one still says is not heard
  std::uint64_t rid = 0;         ///< of the last request
  bool abandoned = false;

  Inside(runtime::Loop& its_loop, std::function<void(core::RegistrationNotice)> to)
      : loop(its_loop),
        on_notice(std::move(to)),
        lookups(its_loop, [this](const std::string& host, Lookups::Answer found) { resolved(host, std::move(found)); }),
        timer(its_loop.make_timer([this] { time_reached(); })),
        gate(std::make_shared<Gate>(its_loop)) {}

  void begin(core::AttemptId attempt, core::Registration registration, Transport transport) {
    if (question) forget();
    Endpoint endpoint = endpoint_of(registration, transport);
    const core::Instant deadline = loop.now() + registration.timeout;
    question.emplace(Question{attempt, std::move(registration), std::move(endpoint), deadline});
    timer->arm(deadline);
    const auto host = host_to_resolve(question->endpoint);
    if (!host) return fail_in_a_call(host.error());
    if (!lookups.ask(*host)) {
      fail_in_a_call({Fault::Busy, "cannot resolve " + *host + ": too many look-ups hang already", {}});
    }
  }

  void resolved(const std::string& host, Lookups::Answer found) {
    if (!question || question->phase != Question::Phase::Resolving) return;
    if (host_to_resolve(question->endpoint) != host) return;
    if (!found) return finish(tl::unexpected(std::move(found.error())));
    question->phase = Question::Phase::Connecting;
    ++connection;
    Connection::Sink sink = [weak = weak_from_this(), gate = gate, number = connection](Happening what) {
      gate->post([weak, number, what = std::move(what)]() mutable {
        const auto self = weak.lock();
        if (self && self->question && self->connection == number) self->happened(std::move(what));
      });
    };
    on_worker([bench = bench, endpoint = question->endpoint, address = *std::move(found), sink = std::move(sink)] {
      bench->connection = std::make_unique<Connection>(endpoint, sink, Awaited{}, /*clean_session=*/true);
      bench->connection->connect(address);
    });
  }

  void happened(Happening what) {
    std::visit([this](auto& each) { on(std::move(each)); }, what);
  }

  void on(Connected /*event*/) {
    if (question->phase != Question::Phase::Connecting) return;
    question->phase = Question::Phase::Subscribing;
    with_connection([](Connection& dps) { dps.subscribe(0, azure::dps_subscription()); });
  }

  /// Not sooner: DPS does not send its answer again for one who listens later.
  void on(Subscribed /*event*/) {
    if (question->phase != Question::Phase::Subscribing) return;
    question->phase = Question::Phase::Registering;
    ask(azure::dps_register_topic(++rid),
        azure::dps_register_body(question->registration.registration_id, question->registration.model_id));
    on_notice(core::RegistrationSent{question->attempt});
  }

  void on(const Arrived& event) {
    auto reply = azure::parse_dps_topic(event.topic);
    if (!reply) return finish(tl::unexpected(std::move(reply.error())));
    const bool polling = question->phase == Question::Phase::Polling;
    if (reply->rid != std::to_string(rid) || (!polling && question->phase != Question::Phase::Registering)) return;
    auto answer = azure::read_dps_answer(reply->status, event.payload, reply->retry_after);
    if (!answer) return polling ? poll_failed(std::move(answer.error())) : finish(tl::unexpected(answer.error()));
    if (auto* assigned = std::get_if<azure::DpsAssigned>(&*answer)) return finish(std::move(*assigned));
    auto& assigning = std::get<azure::DpsAssigning>(*answer);
    question->last_busy.reset();
    question->operation_id = std::move(assigning.operation_id);
    if (!polling) pace.registered(loop.now(), question->registration.early_poll);
    wait(assigning.retry_after);
  }

  void on(const Oversized& event) {
    finish(core::fail(Fault::DpsProtocol, "DPS sent an answer of " + std::to_string(event.bytes) + " bytes"));
  }
  void on(Delivered /*event*/) {}
  void on(Disconnected /*event*/) {}
  void on(Broken event) { finish(tl::unexpected(as_of_dps(std::move(event.error)))); }

  /// Puts up with what passes by itself; anything else needs another registration, which is for others to decide.
  void poll_failed(Error error) {
    if (error.fault == Fault::DpsNotFound) error.fault = Fault::DpsConflict;  // the operation, and not the enrolment
    if (error.fault != Fault::DpsThrottled && error.fault != Fault::DpsUnavailable) {
      return finish(tl::unexpected(std::move(error)));
    }
    const auto pause = error.retry_after.value_or(k_busy_poll);
    const bool throttled = error.fault == Fault::DpsThrottled;
    const core::AttemptId attempt = question->attempt;
    question->last_busy = std::move(error);
    if (throttled) {
      pace.throttled();
      on_notice(core::PollThrottled{attempt});
      if (!question || question->attempt != attempt) return;  // the notice was an invitation to give up
    }
    wait(pause);
  }

  void wait(std::chrono::seconds pause) {
    const core::Instant when = pace.next(loop.now(), pause);
    // Told at once rather than slept through; DPS still wants its pause before it is troubled again.
    if (when >= question->deadline) return finish(tl::unexpected(too_late(pause)));
    question->phase = Question::Phase::Waiting;
    question->next_poll = when;
    timer->arm(when);
  }

  [[nodiscard]] Error too_late(std::optional<std::chrono::seconds> pause) const {
    if (question->last_busy) return *question->last_busy;
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(question->registration.timeout);
    return {Fault::TimedOut,
            "DPS has not decided within " + std::to_string(limit.count()) + " s: still " +
                std::string(doing(question->phase)),
            pause};
  }

  void time_reached() {
    if (!question) return;
    if (question->failed_in_a_call) return finish(tl::unexpected(*std::move(question->failed_in_a_call)));
    if (loop.now() >= question->deadline) return finish(tl::unexpected(too_late(std::nullopt)));
    const bool waiting = question->phase == Question::Phase::Waiting;
    if (!waiting || loop.now() < question->next_poll) {
      return timer->arm(waiting ? question->next_poll : question->deadline);
    }
    question->phase = Question::Phase::Polling;
    timer->arm(question->deadline);
    pace.polled(loop.now());
    ask(azure::dps_poll_topic(++rid, question->operation_id), "");
  }

  void ask(std::string topic, std::string body) {
    with_connection([topic = std::move(topic), body = std::move(body), delivery = static_cast<std::uint32_t>(rid)](
                        Connection& dps) { dps.publish(delivery, topic, body, 1); });
  }

  void finish(core::Result<azure::DpsAssigned> decided) {
    core::Registered end{question->attempt, {}, {}};
    if (decided) {
      end.assignment = std::move(decided->assignment);
      end.substatus = std::move(decided->substatus);
    } else {
      end.assignment = tl::unexpected(std::move(decided.error()));
    }
    forget();
    on_notice(std::move(end));
  }

  void fail_in_a_call(Error error) {
    question->failed_in_a_call = std::move(error);
    timer->arm(loop.now());
  }

  /// Disconnects too: Paho takes its leave when its client goes.
  void forget() {
    question.reset();
    timer->disarm();
    ++connection;  // Paho calls what it has in flight failed when its client goes: not the next question's affair
    // If the worker takes no more jobs it hangs in Paho; the next one it does take replaces the connection anyway.
    if (mqtt) static_cast<void>(mqtt->post([bench = bench] { bench->connection.reset(); }));
  }

  void on_worker(runtime::Worker::Job job) {
    if (!mqtt && !abandoned) mqtt.emplace("dps-mqtt", k_registration_jobs_max);
    if (mqtt && mqtt->post(std::move(job))) return;
    fail_in_a_call({Fault::Busy,
                    "the MQTT worker of DPS hangs: " + std::to_string(k_registration_jobs_max) + " calls wait for it",
                    {}});
  }

  template <typename Call>
  void with_connection(Call call) {
    on_worker([bench = bench, call = std::move(call)] {
      if (bench->connection) call(*bench->connection);
    });
  }

  void abandon() {
    abandoned = true;
    if (mqtt) mqtt->abandon();
  }

  /// Ends Paho's part. True when the worker has come back from it.
  bool end_worker(milliseconds limit) {
    if (!mqtt) return true;
    auto gone = std::make_shared<std::promise<void>>();
    auto done = gone->get_future();
    const bool taken = mqtt->post([bench = bench, gone] {
      bench->connection.reset();
      gone->set_value();
    });
    return taken && done.wait_for(limit) == std::future_status::ready;
  }
};

Registrar::Registrar(runtime::Loop& loop, std::function<void(core::RegistrationNotice)> on_notice)
    : inside_(std::make_shared<Inside>(loop, std::move(on_notice))) {}

Registrar::~Registrar() {
  inside_->question.reset();
  if (!inside_->abandoned && !inside_->end_worker(k_end_max)) abandon();
  inside_->gate->shut(k_end_max);
}

void Registrar::register_device(core::AttemptId attempt, core::Registration registration, Transport transport) {
  inside_->begin(attempt, std::move(registration), transport);
}

void Registrar::cancel(core::AttemptId attempt) {
  if (inside_->question && inside_->question->attempt == attempt) inside_->forget();
}

std::optional<std::chrono::microseconds> Registrar::stuck_for() const {
  return inside_->mqtt ? inside_->mqtt->busy_for() : std::nullopt;
}

void Registrar::abandon() { inside_->abandon(); }

}  // namespace iotc_ha::hub
