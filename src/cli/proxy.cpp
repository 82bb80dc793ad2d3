#include "proxy.hpp"

namespace iotc_ha::cli {
namespace {

constexpr std::chrono::seconds k_beyond_flush{30};  ///< the daemon gives up first, and says so
constexpr std::string_view k_ours = "io.github.iotc_ha.Error.";
constexpr std::string_view k_bus = "org.freedesktop.DBus.Error.";
constexpr const char* k_properties = "org.freedesktop.DBus.Properties";

Outcome outcome_of(std::string_view name) {
  const std::map<std::string_view, Outcome> ours{
      {"Busy", Outcome::Busy},
      {"InvalidPayload", Outcome::BadMessage},
      {"PayloadTooLarge", Outcome::BadMessage},
      {"SpoolFull", Outcome::NotNow},
      {"StorageFailed", Outcome::NotNow},
      {"TimedOut", Outcome::NotNow},
      {"NotConnected", Outcome::NotNow},
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

}  // namespace

core::WallTime moment(std::uint64_t microseconds) {
  return core::WallTime{std::chrono::microseconds{static_cast<std::int64_t>(microseconds)}};
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

Properties Proxy::properties(const char* interface) {
  Variants values;
  getProxy()
      .callMethod("GetAll")
      .onInterface(k_properties)
      .withArguments(std::string(interface))
      .storeResultsTo(values);
  return Properties(std::move(values));
}

void Proxy::flush(std::uint64_t sequence, std::chrono::microseconds timeout) {
  getProxy()
      .callMethod("Flush")
      .onInterface(Telemetry1_proxy::INTERFACE_NAME)
      .withTimeout(timeout + k_beyond_flush)
      .withArguments(sequence, static_cast<std::uint64_t>(timeout.count()));
}

void Proxy::listen(std::function<void(Event)> told) {
  told_ = std::move(told);
  getProxy()
      .uponSignal("PropertiesChanged")
      .onInterface(k_properties)
      .call([this](const std::string& interface, const Variants& changed, const std::vector<std::string>& /*none*/) {
        if (interface != Agent1_proxy::INTERFACE_NAME || !is_from_owner()) return;
        agent_.update(changed);
        if (changed.contains("State") || changed.contains("StateReason")) tell_state();
      });
  registerProxy();
}

void Proxy::set_owner(std::string unique_name) {
  owner_ = std::move(unique_name);
  agent_ = Properties();
}

void Proxy::read_state() {
  agent_ = properties(Agent1_proxy::INTERFACE_NAME);
  tell_state();
}

void Proxy::tell_state() {
  told_(StateTold{moment(agent_.number("StateSince")), agent_.text("State"), agent_.text("StateReason"),
                  agent_.text("CurrentHub")});
}

void Proxy::onFailedOver(const std::string& from, const std::string& to, const std::uint64_t& duration) {
  tell(FailedOver{from, to, moment(duration).time_since_epoch()});
}

void Proxy::onMessagesDropped(const std::uint64_t& first, const std::uint64_t& last, const std::string& reason) {
  tell(MessagesDropped{first, last, reason});
}

void Proxy::onDesiredChanged(const std::string& json_patch, const std::uint64_t& version) {
  tell(DesiredChanged{json_patch, version});
}

void Proxy::onInvoked(const std::uint64_t& id, const std::string& name, const std::string& component,
                      const std::string& json_payload, const bool& durable) {
  tell(core::Invocation{id, name, component, json_payload, durable});
}

}  // namespace iotc_ha::cli
