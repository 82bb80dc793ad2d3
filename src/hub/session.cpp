#include "connection.hpp"
#include "gate.hpp"
#include "lookups.hpp"
#include "receipts.hpp"
#include "session_state.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace iotc_ha::hub {
namespace {

using core::Error;
using core::Fault;
using std::chrono::milliseconds;

constexpr std::size_t k_session_jobs_max = 1'024;  // for the worker: more wait only if Paho hangs
constexpr milliseconds k_disconnect_max{500};

}  // namespace

/// Everything here is the loop thread's; `mqtt` runs Paho, and what Paho says comes back through happened().
struct Sessions::Inside : std::enable_shared_from_this<Inside> {
  runtime::Loop& loop;
  std::function<void(Notice)> on_notice;
  Lookups lookups;
  Doors doors;
  std::unique_ptr<runtime::Loop::Timer> timer;
  std::shared_ptr<Bench> bench = std::make_shared<Bench>();
  std::shared_ptr<Gate> gate;
  runtime::Worker mqtt{"mqtt", k_session_jobs_max};
  std::optional<Session> session;
  std::optional<Successor> successor;  // only while `session` is being closed
  std::uint64_t last_connection = 0;
  bool abandoned = false;

  Inside(runtime::Loop& its_loop, std::function<void(Notice)> to)
      : loop(its_loop),
        on_notice(std::move(to)),
        lookups(its_loop, [this](const std::string& host, Lookups::Answer found) { resolved(host, std::move(found)); }),
        timer(its_loop.make_timer([this] { time_reached(); })),
        gate(std::make_shared<Gate>(its_loop)) {}

  // ---- the life of a session -----------------------------------------------------------------------------------

  void open(core::AttemptId attempt, Endpoint endpoint) {
    drop_successor(Lost{{}, Error{Fault::Cancelled, "given up for another session", {}}});
    if (session && session->phase >= Phase::Draining) {
      successor.emplace(Successor{attempt, std::move(endpoint)});
      return;
    }
    if (session) end_from_a_call(Error{Fault::Cancelled, "given up for another session", {}});
    begin(attempt, std::move(endpoint));
  }

  void begin(core::AttemptId attempt, Endpoint endpoint) {
    const auto host = host_to_resolve(endpoint);
    auto filters = azure::hub_subscriptions(endpoint.assignment.device_id);
    session.emplace(Session{attempt, std::move(endpoint), std::move(filters)});
    session->begin(doors, loop.now());
    timer->arm(session->deadline);
    if (!host) return end_from_a_call(host.error());
    if (!lookups.ask(*host)) {
      end_from_a_call(Error{Fault::Busy, "cannot resolve " + *host + ": too many look-ups hang already", {}});
    }
  }

  void resolved(const std::string& host, Lookups::Answer found) {
    if (!session || session->phase != Phase::Resolving || host_to_resolve(session->endpoint) != host) return;
    if (!found) return lose(found.error());
    session->address = *std::move(found);
    connect();
  }

  void connect() {
    session->phase = Phase::Connecting;
    timer->arm(session->next_deadline());
    session->connection = ++last_connection;
    Connection::Sink sink = [weak = weak_from_this(), gate = gate, number = last_connection](Happening what) {
      gate->post([weak, number, what = std::move(what)]() mutable {
        const auto self = weak.lock();
        if (self && self->session && self->session->connection == number) self->happened(std::move(what));
      });
    };
    Awaited awaited{c2d_topic_of(session->filters.front()), session->receipts};
    on_worker([bench = bench, endpoint = session->endpoint, address = session->address, sink = std::move(sink),
               awaited = std::move(awaited)] {
      bench->connection = std::make_unique<Connection>(endpoint, sink, awaited);
      bench->connection->connect(address);
    });
  }

  void happened(Happening what) {
    std::visit([this](auto& each) { on(std::move(each)); }, what);
  }

  /// What the owner sends from within the notice follows the subscriptions on the wire, and nothing waits for their
  /// SUBACKs: a hub deals with the packets of a connection one after the other.
  void on(Connected /*event*/) {
    if (session->phase != Phase::Connecting) return;
    session->phase = Phase::Open;
    doors.got_through(session->endpoint.transport);
    const Opened opened{session->attempt};
    with_connection([filters = session->filters](Connection& connection) {
      for (std::size_t i = 0; i < filters.size(); ++i) connection.subscribe(i, filters.at(i));
    });
    if (session) on_notice(opened);
  }

  void on(Subscribed event) {
    session->subscribed.insert(event.filter);
    if (session->phase == Phase::Open && is_subscribed()) timer->disarm();
  }

  [[nodiscard]] bool is_subscribed() const { return session->subscribed.size() == session->filters.size(); }

  void on(Arrived event) {
    auto topic = azure::parse_inbound_topic(event.topic, session->endpoint.assignment.device_id);
    if (!topic) {
      if (event.receipt) event.receipt->stored();  // else it would come for ever
      return on_notice(Ignored{session->attempt, topic.error()});
    }
    std::visit([&](auto& each) { take(std::move(each), std::move(event)); }, *topic);
  }

  void on(const Oversized& event) {
    on_notice(Ignored{session->attempt, Error{Fault::PayloadTooLarge,
                                              "dropped a message of " + std::to_string(event.bytes) + " bytes on " +
                                                  event.topic.substr(0, event.topic.find('?')),
                                              {}}});
  }

  void on(Delivered event) {
    const auto found = session->in_flight.find(event.delivery);
    if (found == session->in_flight.end()) return;  // Paho may tell twice
    const std::uint64_t sequence = found->second;
    session->in_flight.erase(found);
    on_notice(TelemetryAcknowledged{session->attempt, sequence});
    disconnect_when_drained();
  }

  void on(Disconnected /*event*/) {
    if (session->phase == Phase::Disconnecting) finish(Closed{session->attempt});
  }

  void on(Broken event) {
    if (session->phase >= Phase::Draining) return finish(Closed{session->attempt});  // it was to end anyway
    lose(std::move(event.error));
  }

  void take(const azure::TwinResponse& response, Arrived event) {
    const auto rid = rid_of(response.rid);
    if (!rid || session->asked.erase(*rid) == 0) {
      return on_notice(Ignored{
          session->attempt, Error{Fault::HubProtocol,
                                  "an answer about the twin that nobody asked for, $rid=" + response.rid.substr(0, 64),
                                  {}}});
    }
    on_notice(TwinAnswered{session->attempt, *rid, response.status, std::move(event.payload)});
    disconnect_when_drained();
  }
  void take(azure::DesiredPatch /*topic*/, Arrived event) {
    on_notice(DesiredPatched{session->attempt, std::move(event.payload)});
  }
  void take(azure::MethodRequest request, Arrived event) {
    on_notice(
        MethodInvoked{session->attempt, std::move(request.name), std::move(request.rid), std::move(event.payload)});
  }
  void take(azure::CloudMessage message, Arrived event) {
    on_notice(CommandReceived{session->attempt, std::move(message.properties), std::move(event.payload),
                              std::move(event.receipt)});
  }

  // ---- the end -------------------------------------------------------------------------------------------------

  void close(milliseconds drain) {
    if (session->phase >= Phase::Draining) return;
    if (session->phase < Phase::Open) {  // nothing to take leave of
      return finish_from_a_call(Closed{session->attempt});
    }
    session->phase = Phase::Draining;
    session->deadline = loop.now() + drain;
    timer->arm(session->deadline);
    disconnect_when_drained();
  }

  void disconnect_when_drained() {
    // The session may be over: the notice before this call was an invitation to end it.
    if (!session || session->phase != Phase::Draining) return;
    if (!session->in_flight.empty() || !session->asked.empty()) return;
    disconnect();
  }

  void disconnect() {
    session->phase = Phase::Disconnecting;
    session->deadline = loop.now() + k_disconnect_max;
    timer->arm(session->deadline);
    with_connection([](Connection& connection) { connection.disconnect(); });
  }

  void time_reached() {
    if (!session || (session->phase == Phase::Open && is_subscribed())) return;
    if (loop.now() < session->next_deadline()) return timer->arm(session->next_deadline());
    if (session->phase == Phase::Draining) return disconnect();
    if (session->phase == Phase::Disconnecting) return finish(Closed{session->attempt});
    if (session->phase == Phase::Open) {
      return lose(Error{Fault::Silent,
                        session->endpoint.assignment.hub + " did not acknowledge the subscriptions within " +
                            in_seconds(session->endpoint.timeout),
                        {}});
    }
    lose(Error{Fault::TimedOut,
               session->endpoint.assignment.hub + " did not open a session within " + in_seconds(session->patience()) +
                   ": still " + std::string(doing(session->phase)),
               {}});
  }

  void lose(Error error) {
    if (session->takes_other_door(error)) return connect();
    if (Doors::is_answer(error.fault)) doors.got_through(session->endpoint.transport);
    finish(Lost{session->attempt, session->account(std::move(error))});
  }

  /// Says the last word about the session.
  void finish(Notice last_word) {
    forget();
    on_notice(std::move(last_word));
  }

  /// The same from inside a call of the owner, who is told later.
  void finish_from_a_call(Notice last_word) {
    forget();
    tell_later(std::move(last_word));
  }
  void end_from_a_call(Error error) { finish_from_a_call(Lost{session->attempt, std::move(error)}); }

  /// `last_word` without its attempt: that is the successor's.
  template <typename LastWord>
  void drop_successor(LastWord last_word) {
    if (!successor) return;
    last_word.attempt = std::exchange(successor, std::nullopt)->attempt;
    tell_later(std::move(last_word));
  }

  void tell_later(Notice notice) {
    loop.post([weak = weak_from_this(), notice = std::move(notice)]() mutable {
      if (const auto self = weak.lock()) self->on_notice(std::move(notice));
    });
  }

  void forget() {
    end_session();
    timer->disarm();
    // If the worker takes no more jobs it hangs in Paho; the next one it does take replaces the connection anyway.
    static_cast<void>(mqtt.post([bench = bench] { bench->connection.reset(); }));
    if (auto next = std::exchange(successor, std::nullopt)) begin(next->attempt, std::move(next->endpoint));
  }

  void end_session() {
    if (session) session->receipts->close();
    session.reset();
  }

  // ---- the way to Paho -----------------------------------------------------------------------------------------

  void on_worker(runtime::Worker::Job job) {
    if (mqtt.post(std::move(job))) return;
    end_from_a_call(
        Error{Fault::Busy, "the MQTT worker hangs: " + std::to_string(k_session_jobs_max) + " calls wait for it", {}});
  }

  template <typename Call>
  void with_connection(Call call) {
    on_worker([bench = bench, call = std::move(call)] {
      if (bench->connection) call(*bench->connection);
    });
  }

  void publish(std::uint32_t delivery, std::string topic, std::string payload, int qos) {
    with_connection([delivery, topic = std::move(topic), payload = std::move(payload), qos](Connection& connection) {
      connection.publish(delivery, topic, payload, qos);
    });
  }

  [[nodiscard]] bool is(Phase phase, core::AttemptId attempt) const {
    return session && session->attempt == attempt && session->phase == phase;
  }

  /// Ends Paho's part. True when the worker has come back from it.
  bool end_worker(milliseconds limit) {
    auto gone = std::make_shared<std::promise<void>>();
    auto done = gone->get_future();
    const bool taken = mqtt.post([bench = bench, gone] {
      bench->connection.reset();
      gone->set_value();
    });
    return taken && done.wait_for(limit) == std::future_status::ready;
  }
};

Sessions::Sessions(runtime::Loop& loop, std::function<void(Notice)> on_notice)
    : inside_(std::make_shared<Inside>(loop, std::move(on_notice))) {}

Sessions::~Sessions() {
  inside_->end_session();
  inside_->successor.reset();
  if (!inside_->abandoned && !inside_->end_worker(k_end_max)) abandon();
  inside_->gate->shut(k_end_max);
}

void Sessions::open(core::AttemptId attempt, Endpoint endpoint) { inside_->open(attempt, std::move(endpoint)); }

void Sessions::send(core::AttemptId attempt, core::Telemetry message) {
  if (!inside_->is(Phase::Open, attempt) && !inside_->is(Phase::Draining, attempt)) return;
  Session& session = *inside_->session;
  const std::uint32_t delivery =
      ++session.last_delivery == k_unwatched ? ++session.last_delivery : session.last_delivery;
  session.in_flight.emplace(delivery, message.sequence);
  std::string topic = azure::telemetry_topic(session.endpoint.assignment.device_id, message);
  inside_->publish(delivery, std::move(topic), std::move(message.body), 1);
}

// QoS 0 from here on, as in Microsoft's SDKs: the answer of the hub is the acknowledgement, and a method's caller waits
// with a limit of its own.

void Sessions::report(core::AttemptId attempt, std::uint64_t rid, std::string patch_json) {
  if (!inside_->is(Phase::Open, attempt)) return;
  inside_->session->asked.insert(rid);
  inside_->publish(k_unwatched, azure::twin_patch_topic(rid), std::move(patch_json), 0);
}

void Sessions::get_twin(core::AttemptId attempt, std::uint64_t rid) {
  if (!inside_->is(Phase::Open, attempt)) return;
  inside_->session->asked.insert(rid);
  inside_->publish(k_unwatched, azure::twin_get_topic(rid), "", 0);
}

void Sessions::answer_method(core::AttemptId attempt, const std::string& rid, int status, std::string json) {
  if (!inside_->is(Phase::Open, attempt) && !inside_->is(Phase::Draining, attempt)) return;
  inside_->publish(k_unwatched, azure::method_response_topic(status, rid), std::move(json), 0);
}

void Sessions::close(core::AttemptId attempt, std::chrono::milliseconds drain) {
  if (inside_->successor && inside_->successor->attempt == attempt) return inside_->drop_successor(Closed{});
  if (inside_->session && inside_->session->attempt == attempt) inside_->close(drain);
}

std::optional<std::chrono::microseconds> Sessions::stuck_for() const { return inside_->mqtt.busy_for(); }

void Sessions::network_changed() { inside_->doors.network_changed(); }

void Sessions::abandon() {
  inside_->abandoned = true;
  if (inside_->session) inside_->session->receipts->close();
  inside_->mqtt.abandon();
}

}  // namespace iotc_ha::hub
