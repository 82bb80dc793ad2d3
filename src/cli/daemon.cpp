#include "daemon.hpp"

#include <io.github.iotc_ha.Agent1.hpp>
#include <io.github.iotc_ha.Telemetry1.hpp>
#include <sdbus-c++/sdbus-c++.h>
#include <sysexits.h>

#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr std::chrono::minutes k_answer_within{1};
constexpr std::chrono::seconds k_beyond_flush{30};  ///< the daemon gives up first, and says so
constexpr std::string_view k_ours = "io.github.iotc_ha.Error.";
constexpr std::string_view k_bus = "org.freedesktop.DBus.Error.";
constexpr const char* k_members_may = "only root and members of the group iotc-ha may send telemetry";
constexpr const char* k_root_may = "only root may control the daemon";
constexpr const char* k_anybody_may = "this bus lets nobody read it";

#if IOTC_HA_SDBUS_MAJOR >= 2
using BusName = sdbus::ServiceName;
#else
using BusName = std::string;
#endif

using Options = std::map<std::string, sdbus::Variant>;

core::WallTime moment(std::uint64_t microseconds) {
  return core::WallTime{std::chrono::microseconds{static_cast<std::int64_t>(microseconds)}};
}

Options options_of(const core::Submission& form) {
  Options options;
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

Outcome outcome_of(std::string_view name) {
  const std::map<std::string_view, Outcome> ours{
      {"Busy", Outcome::Busy},        {"InvalidPayload", Outcome::BadMessage}, {"PayloadTooLarge", Outcome::BadMessage},
      {"SpoolFull", Outcome::NotNow}, {"StorageFailed", Outcome::NotNow},      {"TimedOut", Outcome::NotNow},
  };
  const std::map<std::string_view, Outcome> of_the_bus{
      {"ServiceUnknown", Outcome::NotRunning}, {"NameHasNoOwner", Outcome::NotRunning},
      {"AccessDenied", Outcome::NotPermitted}, {"InvalidArgs", Outcome::BadOption},
      {"NoReply", Outcome::NoAnswer},          {"Timeout", Outcome::NoAnswer},
      {"TimedOut", Outcome::NoAnswer},         {"Disconnected", Outcome::NoAnswer},
      {"LimitsExceeded", Outcome::Busy},
  };
  const auto find = [&](const auto& outcomes, std::string_view prefix) {
    const auto found = outcomes.find(name.substr(prefix.size()));
    return found == outcomes.end() ? Outcome::Other : found->second;
  };
  if (name.starts_with(k_ours)) return find(ours, k_ours);
  if (name.starts_with(k_bus)) return find(of_the_bus, k_bus);
  // The name of an errno: the connection failed.
  return name.starts_with("System.Error.") ? Outcome::NoAnswer : Outcome::Other;
}

Failure failure_of(const sdbus::Error& error, const char* who_may) {
  const std::string& name = error.getName();
  Failure failure{outcome_of(name), name.starts_with(k_ours) ? name.substr(k_ours.size()) : name, error.getMessage()};
  switch (failure.outcome) {
    case Outcome::NotRunning:
      failure.text = "the daemon is not on the bus; is the service running? systemctl status iotc-ha";
      break;
    case Outcome::NotPermitted: failure.text = std::string("not permitted: ") + who_may; break;
    case Outcome::NoAnswer: failure.text = "no answer from the daemon: " + failure.text; break;
    default: break;
  }
  return failure;
}

/// The values of the properties of one interface, as they were at one moment.
class Properties {
 public:
  explicit Properties(Options values) : values_(std::move(values)) {}
  template <typename T>
  [[nodiscard]] T get(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end() || !found->second.containsValueOfType<T>()) return {};  // a daemon older than we are
    return found->second.get<T>();
  }
  [[nodiscard]] std::string text(const std::string& name) const { return get<std::string>(name); }
  [[nodiscard]] std::uint64_t number(const std::string& name) const { return get<std::uint64_t>(name); }

 private:
  Options values_;
};

/// The object of the daemon. Its signals are not asked for.
class Proxy final
    : public sdbus::ProxyInterfaces<io::github::iotc_ha::Agent1_proxy, io::github::iotc_ha::Telemetry1_proxy> {
 public:
  explicit Proxy(sdbus::IConnection& connection)
      : ProxyInterfaces(connection, BusName{"io.github.iotc_ha"}, sdbus::ObjectPath{"/io/github/iotc_ha"}) {}
  virtual ~Proxy() = default;
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  Properties properties(const char* interface) {
    Options values;
    getProxy()
        .callMethod("GetAll")
        .onInterface("org.freedesktop.DBus.Properties")
        .withArguments(std::string(interface))
        .storeResultsTo(values);
    return Properties(std::move(values));
  }
  void flush(std::uint64_t sequence, std::chrono::microseconds timeout) {
    getProxy()
        .callMethod("Flush")
        .onInterface(Telemetry1_proxy::INTERFACE_NAME)
        .withTimeout(timeout + k_beyond_flush)
        .withArguments(sequence, static_cast<std::uint64_t>(timeout.count()));
  }

 private:
  void onFailedOver(const std::string& /*from*/, const std::string& /*to*/,
                    const std::uint64_t& /*duration*/) override {}
  void onMessagesDropped(const std::uint64_t& /*first*/, const std::uint64_t& /*last*/,
                         const std::string& /*reason*/) override {}
};

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

 private:
  std::unique_ptr<sdbus::IConnection> connection_;
  Proxy proxy_{*connection_};
};

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

}  // namespace iotc_ha::cli
