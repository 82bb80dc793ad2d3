#include "daemon.hpp"

#include "proxy.hpp"

#include <poll.h>
#include <sysexits.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <string_view>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr std::chrono::minutes k_answer_within{1};
constexpr const char* k_dbus = "org.freedesktop.DBus";
constexpr const char* k_members_may = "only root and members of the group iotc-ha may send telemetry";
constexpr const char* k_members_may_report = "only root and members of the group iotc-ha may report properties";
constexpr const char* k_members_may_claim =
    "only root and members of the group iotc-ha may answer for properties and commands";
constexpr const char* k_root_may = "only root may control the daemon";
constexpr const char* k_anybody_may = "this bus lets nobody read it";

Variants options_of(const core::Submission& form) {
  Variants options;
  if (!form.component.empty()) options.emplace("component", sdbus::Variant(form.component));
  if (!form.message_id.empty()) options.emplace("message_id", sdbus::Variant(form.message_id));
  if (!form.properties.empty()) {
    const std::map<std::string, std::string> properties(form.properties.begin(), form.properties.end());
    options.emplace("properties", sdbus::Variant(properties));
  }
  if (const auto since_1970 = form.created.time_since_epoch(); since_1970.count() > 0) {
    options.emplace("timestamp", sdbus::Variant(static_cast<std::uint64_t>(since_1970.count())));
  }
  return options;
}

core::Account account_of(std::map<std::string, std::uint64_t> life) {
  core::Account account;
  account.boot = life["boot"];
  account.started = moment(life["started"]);
  account.accepted = life["accepted"];
  account.delivered = life["delivered"];
  account.queued = life["queued"];
  account.dropped_full = life["dropped_full"];
  account.dropped_expired = life["dropped_expired"];
  account.dropped_damaged = life["dropped_damaged"];
  account.quarantined = life["quarantined"];
  account.replayed = life["replayed"];
  account.lives = life["lives"];
  return account;
}

}  // namespace

int exit_status(Outcome outcome) {
  switch (outcome) {
    case Outcome::NoBus:
    case Outcome::NotRunning:
    case Outcome::NoAnswer: return EX_UNAVAILABLE;
    case Outcome::NotPermitted: return EX_NOPERM;
    case Outcome::Busy:
    case Outcome::NotNow: return EX_TEMPFAIL;
    case Outcome::BadOption: return EX_USAGE;
    case Outcome::BadMessage: return EX_DATAERR;
    case Outcome::Other: break;
  }
  return EXIT_FAILURE;
}

class Daemon::Inside {
 public:
  explicit Inside(std::unique_ptr<sdbus::IConnection> connection) : connection_(std::move(connection)) {
    connection_->setMethodCallTimeout(k_answer_within);
  }

  /// What `call` returns for the proxy; its exceptions end here.
  template <typename Call>
  auto attempt(const char* who_may, Call call) -> Result<decltype(call(std::declval<Proxy&>()))> {
    try {
      if constexpr (std::is_void_v<decltype(call(proxy_))>) {
        call(proxy_);
        return {};
      } else {
        return call(proxy_);
      }
    } catch (const sdbus::Error& error) {
      return tl::unexpected(failure_of(error, who_may));
    }
  }

  void listen();
  bool wait(int interrupt, std::optional<Clock::time_point> until);
  std::optional<Event> take();

 private:
  void on_owner(const std::string& before, const std::string& now);
  [[nodiscard]] std::string owner();
  void handle_all();
  void follow();

  std::unique_ptr<sdbus::IConnection> connection_;
  std::deque<Event> events_;
  bool has_come_ = false;  ///< the daemon, to the bus
  sdbus::Slot owner_changes_;
  Proxy proxy_{*connection_};
};

void Daemon::Inside::listen() {
  owner_changes_ = add_match(*connection_,
                             std::string("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                         "member='NameOwnerChanged',arg0='") +
                                 k_bus_name + "'",
                             [this](auto&& message) {
                               if (std::string_view(message.getSender()) != k_dbus) return;
                               std::string name;
                               std::string before;
                               std::string now;
                               message >> name >> before >> now;
                               on_owner(before, now);
                             });
  proxy_.listen([this](Event event) { events_.push_back(std::move(event)); });
  proxy_.set_owner(owner());
  proxy_.read_state();
}

void Daemon::Inside::on_owner(const std::string& before, const std::string& now) {
  if (!before.empty()) events_.emplace_back(DaemonLeft{});
  has_come_ = !now.empty();
  proxy_.set_owner(now);
}

std::string Daemon::Inside::owner() {
  std::string unique_name;
  sdbus::createProxy(*connection_, BusName{k_dbus}, sdbus::ObjectPath{"/org/freedesktop/DBus"})
      ->callMethod("GetNameOwner")
      .onInterface(k_dbus)
      .withArguments(std::string(k_bus_name))
      .storeResultsTo(unique_name);
  return unique_name;
}

void Daemon::Inside::handle_all() {
  while (handle_one(*connection_)) {
  }
  if (std::exchange(has_come_, false)) follow();
}

void Daemon::Inside::follow() {
  events_.emplace_back(DaemonCame{});
  try {
    proxy_.read_state();
  } catch (const sdbus::Error& error) {
    // It has left again, of which the bus tells; or it is slow, and tells its state when that changes.
    const Outcome outcome = failure_of(error, k_anybody_may).outcome;
    if (outcome != Outcome::NotRunning && outcome != Outcome::NoAnswer) throw;
  }
}

bool Daemon::Inside::wait(int interrupt, std::optional<Clock::time_point> until) {
  handle_all();
  while (events_.empty()) {
    const auto bus = connection_->getEventLoopPollData();
    std::array<pollfd, 2> ready{{{bus.fd, bus.events, 0}, {interrupt, POLLIN, 0}}};
    int timeout = bus.getPollTimeout();
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
      if (left <= 0) break;
      if (timeout < 0 || timeout > left) timeout = static_cast<int>(left);
    }
    poll(ready.data(), ready.size(), timeout);
    if (ready[1].revents != 0) return false;
    handle_all();
  }
  return true;
}

std::optional<Event> Daemon::Inside::take() {
  if (events_.empty()) return std::nullopt;
  std::optional<Event> event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Daemon::Daemon(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Daemon::Daemon(Daemon&&) noexcept = default;
Daemon& Daemon::operator=(Daemon&&) noexcept = default;
Daemon::~Daemon() = default;

Result<Daemon> Daemon::connect(const std::string& bus) {
  // sdbus-c++ 1.2.0 has a function for an address, but does not free its sd_bus when nobody answers there. So an
  // address is given as libsystemd takes it; there is no second thread yet.
  if (bus != "system" && bus != "session") {
    setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  try {
    return Daemon(std::make_unique<Inside>(bus == "session" ? sdbus::createSessionBusConnection()
                                                            : sdbus::createSystemBusConnection()));
  } catch (const sdbus::Error& error) {
    return tl::unexpected(
        Failure{Outcome::NoBus, error.getName(), "no connection to the bus at " + bus + ": " + error.getMessage()});
  }
}

Result<core::Sequences> Daemon::submit(const std::vector<std::string>& bodies, const core::Submission& form) {
  return inside_->attempt(k_members_may, [&](Proxy& proxy) {
    if (bodies.size() == 1) {
      const std::uint64_t sequence = proxy.Submit(bodies.front(), options_of(form));
      return core::Sequences{sequence, sequence};
    }
    const auto [first, last] = proxy.SubmitMany(bodies, options_of(form));
    return core::Sequences{first, last};
  });
}

Result<void> Daemon::flush(std::uint64_t sequence, std::chrono::microseconds timeout) {
  return inside_->attempt(k_members_may, [&](Proxy& proxy) { proxy.flush(sequence, timeout); });
}

Result<std::vector<core::Account>> Daemon::accounts() {
  return inside_->attempt(k_anybody_may, [](Proxy& proxy) {
    std::vector<core::Account> accounts;
    for (auto& life : proxy.GetAccount()) accounts.push_back(account_of(std::move(life)));
    return accounts;
  });
}

Result<core::SpoolFigures> Daemon::figures() {
  return inside_->attempt(k_anybody_may, [](Proxy& proxy) {
    const Properties properties = proxy.properties(io::github::iotc_ha::Telemetry1_proxy::INTERFACE_NAME);
    core::SpoolFigures figures;
    figures.queued = properties.number("Queued");
    figures.queued_bytes = properties.number("QueuedBytes");
    figures.oldest_queued = moment(properties.number("OldestQueued"));
    figures.accepted = properties.number("Accepted");
    figures.delivered = properties.number("Delivered");
    figures.dropped = properties.number("Dropped");
    figures.quarantined = properties.number("Quarantined");
    figures.capacity = properties.number("Capacity");
    figures.bytes_written = properties.number("BytesWritten");
    return figures;
  });
}

Result<About> Daemon::about() {
  return inside_->attempt(k_anybody_may, [](Proxy& proxy) {
    const Properties properties = proxy.properties(io::github::iotc_ha::Agent1_proxy::INTERFACE_NAME);
    About about{{}, properties.text("ModelId"), properties.text("Version")};
    core::Status& status = about.status;
    status.state = properties.text("State");
    status.state_reason = properties.text("StateReason");
    status.state_since = moment(properties.number("StateSince"));
    status.current_hub = properties.text("CurrentHub");
    status.previous_hub = properties.text("PreviousHub");
    status.device_id = properties.text("DeviceId");
    status.next_attempt = moment(properties.number("NextAttempt"));
    status.attempts = properties.get<std::uint32_t>("Attempts");
    status.failover_count = properties.number("FailoverCount");
    status.reconnect_count = properties.number("ReconnectCount");
    status.last_failover_duration = moment(properties.number("LastFailoverDuration")).time_since_epoch();
    const auto error = properties.get<sdbus::Struct<std::string, std::string, std::uint64_t>>("LastError");
    status.last_error = {std::get<0>(error), std::get<1>(error), moment(std::get<2>(error))};
    status.dps_registrations = properties.number("DpsRegistrations");
    status.dps_throttled = properties.number("DpsThrottled");
    return about;
  });
}

Result<std::vector<core::HistoryEntry>> Daemon::history(std::uint32_t max) {
  return inside_->attempt(k_anybody_may, [&](Proxy& proxy) {
    std::vector<core::HistoryEntry> entries;
    for (const auto& entry : proxy.GetHistory(max)) {
      entries.push_back({moment(std::get<0>(entry)), std::get<1>(entry), std::get<2>(entry), std::get<3>(entry)});
    }
    return entries;
  });
}

Result<void> Daemon::reconnect() {
  return inside_->attempt(k_root_may, [](Proxy& proxy) { proxy.Reconnect(); });
}
Result<void> Daemon::reprovision() {
  return inside_->attempt(k_root_may, [](Proxy& proxy) { proxy.Reprovision(); });
}

Result<Twin> Daemon::twin() {
  return inside_->attempt(k_anybody_may, [](Proxy& proxy) {
    Twin twin;
    std::tie(twin.desired, twin.version) = proxy.GetDesired();
    twin.reported = proxy.GetReported();
    twin.unacknowledged = proxy.Unacknowledged();
    return twin;
  });
}

Result<std::vector<std::string>> Daemon::unacknowledged() {
  return inside_->attempt(k_anybody_may, [](Proxy& proxy) { return proxy.Unacknowledged(); });
}

Result<void> Daemon::report(const std::string& merge_patch) {
  return inside_->attempt(k_members_may_report, [&](Proxy& proxy) { proxy.Report(merge_patch); });
}

Result<void> Daemon::claim_properties(const std::vector<std::string>& names) {
  return inside_->attempt(k_members_may_claim, [&](Proxy& proxy) { proxy.claim_properties(names); });
}
Result<void> Daemon::claim_commands(const std::vector<std::string>& names) {
  return inside_->attempt(k_members_may_claim, [&](Proxy& proxy) { proxy.claim_commands(names); });
}

Result<void> Daemon::acknowledge(const azure::Acknowledgement& answer) {
  return inside_->attempt(k_members_may_claim, [&](Proxy& proxy) {
    proxy.Acknowledge(answer.name, answer.json_value, answer.code, answer.description, answer.version);
  });
}

Result<void> Daemon::complete(std::uint64_t id, std::int32_t status, const std::string& json_payload) {
  return inside_->attempt(k_members_may_claim, [&](Proxy& proxy) { proxy.Complete(id, status, json_payload); });
}

Result<void> Daemon::listen() {
  return inside_->attempt(k_anybody_may, [&](Proxy& /*proxy*/) { inside_->listen(); });
}

Result<bool> Daemon::wait(int interrupt, std::optional<Clock::time_point> until) {
  return inside_->attempt(k_anybody_may, [&](Proxy& /*proxy*/) { return inside_->wait(interrupt, until); });
}

std::optional<Event> Daemon::take_event() { return inside_->take(); }

}  // namespace iotc_ha::cli
