#include "agent.hpp"
#include "claimers.hpp"
#include "commands.hpp"
#include "connection.hpp"
#include "log_control.hpp"
#include "telemetry.hpp"
#include "text.hpp"
#include "twin.hpp"

#include <iotc_ha/bus/service.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace iotc_ha::bus {
namespace {

constexpr std::chrono::seconds k_retry_after{2};
// A bus that is well answers within milliseconds; who started us shall find us there when we say that we are ready.
constexpr std::chrono::seconds k_first_wait{1};
constexpr std::chrono::milliseconds k_farewell{500};
// So that one caller who floods us cannot keep the loop from its other work.
constexpr int k_messages_a_turn = 64;

core::Status sendable(core::Status status) {
  for (std::string* text : {&status.state, &status.state_reason, &status.current_hub, &status.previous_hub,
                            &status.device_id, &status.last_error.name, &status.last_error.text}) {
    *text = bus::sendable(*text);
  }
  return status;
}

}  // namespace

/// Joining and leaving a bus may block, so that a worker does both; between them the connection is the loop's alone.
class Service::Inside final : public runtime::Loop::Pollable {
 public:
  Inside(runtime::Loop& loop, std::string address, const Identity& identity, Requests requests,
         std::function<void(const std::string&)> note);
  ~Inside() override;
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  Wanted wanted() override;
  void ready() override;

  void publish(Shown shown);
  void figures_changed();
  /// Has `emit` send signals of a Presence; nothing while there is none.
  template <typename Emit>
  void emit(Emit emit);
  [[nodiscard]] const Shown& shown() const { return shown_; }

 private:
  using Joined = tl::expected<Connection, Refusal>;
  /// Our presence on a bus. Members go in the reverse order: the loop lets go of the socket before it is closed.
  struct Presence {
    Connection connection;
    std::unique_ptr<Claimers> claimers;
    std::unique_ptr<Agent> agent;
    std::unique_ptr<Telemetry> telemetry;
    std::unique_ptr<Twin> twin;
    std::unique_ptr<Commands> commands;
    std::unique_ptr<LogControl> log_control;
    std::unique_ptr<runtime::Loop::Attachment> attachment;
  };

  void join();
  void joined();
  void be_present(Connection connection);
  void add_objects(Presence& presence);
  void lose(const std::string& why);
  void retry(Trouble trouble, const std::string& why);
  std::future<void> leave();
  void tell_figures();

  runtime::Loop& loop_;
  const std::string address_;
  const Requests requests_;
  const std::function<void(const std::string&)> note_;
  Shown shown_;
  Trouble trouble_ = Trouble::None;
  std::optional<std::string> broken_;  ///< why an emission failed: ready() acts on it, outside of any handler
  std::shared_ptr<Inside*> self_ = std::make_shared<Inside*>(this);  ///< gone with us; what is posted asks for it
  runtime::Worker worker_{"bus", 4};
  std::future<Joined> joining_;  ///< valid while the worker is at it
  std::unique_ptr<runtime::Loop::Timer> retry_timer_;
  core::SpoolFigures told_figures_;
  bool figures_differ_ = false;  ///< from those that were told
  bool figures_rest_ = false;    ///< told less than k_figures_period ago; the timer is armed
  std::unique_ptr<runtime::Loop::Timer> figures_timer_;
  std::optional<Presence> presence_;
};

Service::Inside::Inside(runtime::Loop& loop, std::string address, const Identity& identity, Requests requests,
                        std::function<void(const std::string&)> note)
    : loop_(loop),
      address_(std::move(address)),
      requests_(std::move(requests)),
      note_(std::move(note)),
      shown_{{}, {bus::sendable(identity.version), bus::sendable(identity.model_id)}},
      retry_timer_(loop.make_timer([this] { join(); })),
      figures_timer_(loop.make_timer([this] {
        figures_rest_ = false;
        if (figures_differ_) tell_figures();
      })) {
  join();
  if (joining_.valid() && joining_.wait_for(k_first_wait) == std::future_status::ready) joined();
}

Service::Inside::~Inside() {
  // The last signals are written on leaving. A bus that takes nothing any more must not keep us from ending.
  if (leave().wait_for(k_farewell) == std::future_status::ready) return;
  worker_.abandon();
  const std::weak_ptr<Inside*> self = self_;
  self_.reset();
  while (!self.expired()) std::this_thread::yield();  // a post that has begun: it takes no longer than a lock
}

void Service::Inside::join() {
  auto promise = std::make_shared<std::promise<Joined>>();
  joining_ = promise->get_future();
  const bool taken = worker_.post([promise, address = address_, post = loop_.poster(), self = std::weak_ptr(self_)] {
    promise->set_value(join_bus(address));
    // A bus may answer only after our end. As long as we hold this, the end waits for us, and the loop is there.
    if (const auto alive = self.lock()) {
      post([self] {
        if (const auto inside = self.lock()) (*inside)->joined();
      });
    }
  });
  if (!taken) {
    joining_ = {};
    retry(Trouble::Unreachable, "the connection before is not closed yet");
  }
}

void Service::Inside::joined() {
  // Asked once by the constructor and once by the worker's task: the first finds the answer.
  if (!joining_.valid() || joining_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) return;
  Joined answer = joining_.get();
  if (!answer) return retry(answer.error().trouble, answer.error().why);
  be_present(std::move(*answer));
}

void Service::Inside::be_present(Connection connection) {
  broken_.reset();
  Presence& presence = presence_.emplace();
  presence.connection = std::move(connection);
  try {
    add_objects(presence);
  } catch (const sdbus::Error& error) {
    leave();
    return retry(Trouble::Unreachable, error.getMessage());
  }
  presence.attachment = loop_.attach(*this);
  if (std::exchange(trouble_, Trouble::None) != Trouble::None) {
    note_(std::string("D-Bus: ") + k_bus_name + " is on the bus at " + address_ + " now");
  }
}

void Service::Inside::add_objects(Presence& presence) {
  sdbus::IConnection& bus = *presence.connection.bus;
  const Broken broken = [this](const std::string& why) { broken_ = why; };
  presence.claimers = std::make_unique<Claimers>(bus, *presence.connection.departures, requests_.caller_left, broken);
  presence.agent = std::make_unique<Agent>(bus, shown_, requests_);
  presence.telemetry = std::make_unique<Telemetry>(bus, loop_, requests_, broken);
  presence.twin = std::make_unique<Twin>(bus, *presence.claimers, requests_, broken);
  presence.commands = std::make_unique<Commands>(bus, *presence.claimers, requests_, broken);
  presence.log_control = std::make_unique<LogControl>(bus, requests_);
}

/// The bus is gone, and with it everybody there.
void Service::Inside::lose(const std::string& why) {
  const std::vector<core::Caller> callers = presence_->claimers->all();
  leave();
  retry(Trouble::Unreachable, why);
  for (const core::Caller& caller : callers) requests_.caller_left(caller);
}

void Service::Inside::retry(Trouble trouble, const std::string& why) {
  if (std::exchange(trouble_, trouble) != trouble) {
    const std::string what = trouble == Trouble::NameRefused
                                 ? std::string("the name ") + k_bus_name + " was refused at " + address_
                                 : "no connection to the bus at " + address_;
    note_("D-Bus: " + what + ": " + why + "; trying again every " + std::to_string(k_retry_after.count()) + " s");
  }
  retry_timer_->arm(loop_.now() + k_retry_after);
}

std::future<void> Service::Inside::leave() {
  auto left = std::make_shared<std::promise<void>>();
  auto future = left->get_future();
  std::shared_ptr<sdbus::IConnection> connection;
  if (presence_) connection = presence_->connection.bus;
  presence_.reset();
  // Closing writes what is still waiting, and blocks while the bus does not read. When the worker takes no more, this
  // is done here.
  static_cast<void>(worker_.post([left, connection = std::move(connection)]() mutable {
    connection.reset();
    left->set_value();
  }));
  return future;
}

Service::Inside::Wanted Service::Inside::wanted() {
  constexpr Wanted k_at_once{-1, 0, std::chrono::microseconds{0}};
  if (!presence_) return {};
  if (broken_) return k_at_once;
  try {
    const auto poll = presence_->connection.bus->getEventLoopPollData();
    return {poll.fd, static_cast<std::uint32_t>(poll.events), time_left(poll)};
  } catch (const sdbus::Error& error) {
    broken_ = error.getMessage();
    return k_at_once;
  }
}

void Service::Inside::ready() {
  if (!presence_) return;
  try {
    for (int i = 0; i < k_messages_a_turn && !broken_; ++i) {
      if (!handle_one(*presence_->connection.bus)) break;
    }
  } catch (const sdbus::Error& error) {
    broken_ = error.getMessage();
  }
  if (broken_) lose(*broken_);
}

template <typename Emit>
void Service::Inside::emit(Emit emit) {
  if (!presence_ || broken_) return;
  try {
    emit(*presence_);
  } catch (const sdbus::Error& error) {
    broken_ = error.getMessage();
  }
}

void Service::Inside::publish(Shown shown) {
  const std::vector<PropertyName> names = differences(shown_, shown);
  shown_ = std::move(shown);
  if (names.empty()) return;
  emit([&](Presence& presence) { presence.agent->emit_changes(names); });
}

void Service::Inside::figures_changed() {
  figures_differ_ = true;
  if (!figures_rest_) tell_figures();
}

void Service::Inside::tell_figures() {
  figures_differ_ = false;
  const core::SpoolFigures figures = requests_.figures();
  const std::vector<PropertyName> names = differences(told_figures_, figures);
  if (names.empty()) return;
  told_figures_ = figures;
  figures_rest_ = true;
  figures_timer_->arm(loop_.now() + k_figures_period);
  emit([&](Presence& presence) { presence.telemetry->emit_changes(names); });
}

Service::Service(runtime::Loop& loop, std::string address, const Identity& identity, Requests requests,
                 std::function<void(const std::string& line)> note)
    : inside_(std::make_unique<Inside>(loop, std::move(address), identity, std::move(requests), std::move(note))) {}
Service::~Service() = default;

void Service::publish(const core::Status& status) { inside_->publish({sendable(status), inside_->shown().identity}); }

void Service::publish_model(const std::string& model_id) {
  Shown shown = inside_->shown();
  shown.identity.model_id = bus::sendable(model_id);
  inside_->publish(std::move(shown));
}

void Service::failed_over(const std::string& from, const std::string& to, std::chrono::microseconds duration) {
  inside_->emit([&](auto& presence) { presence.agent->emit_failed_over(from, to, duration); });
}

void Service::figures_changed() { inside_->figures_changed(); }

void Service::messages_dropped(const core::Dropped& dropped) {
  inside_->emit([&](auto& presence) { presence.telemetry->emit_dropped(dropped); });
}

void Service::desired_changed(const core::Caller& to, const std::string& patch_json, std::uint64_t version) {
  inside_->emit([&](auto& presence) { presence.twin->emit_desired_changed(to, patch_json, version); });
}

void Service::invoked(const core::Caller& to, const core::Invocation& invocation) {
  inside_->emit([&](auto& presence) { presence.commands->emit_invoked(to, invocation); });
}

void Service::unacknowledged_changed() {
  inside_->emit([](auto& presence) { presence.twin->emit_unacknowledged_changed(); });
}

}  // namespace iotc_ha::bus
