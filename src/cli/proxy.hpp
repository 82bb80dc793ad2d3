#pragma once

#include "daemon.hpp"

#include <io.github.iotc_ha.Agent1.hpp>
#include <io.github.iotc_ha.Commands1.hpp>
#include <io.github.iotc_ha.Telemetry1.hpp>
#include <io.github.iotc_ha.Twin1.hpp>
#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::cli {

/// The places where sdbus-c++ 1 (Debian 12) and 2 (Debian 13) differ for us.
#if IOTC_HA_SDBUS_MAJOR >= 2
using BusName = sdbus::ServiceName;
inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingEvent(); }
inline std::string sender_of_signal(const sdbus::IProxy& proxy) {
  return proxy.getCurrentlyProcessedMessage().getSender();
}
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule, Handler handler) {
  return connection.addMatch(rule, std::move(handler), sdbus::return_slot);
}
#else
using BusName = std::string;
inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingRequest(); }
/// The unique name of who sent the signal that is being handled.
inline std::string sender_of_signal(const sdbus::IProxy& proxy) {
  return proxy.getCurrentlyProcessedMessage()->getSender();
}
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule, Handler handler) {
  return connection.addMatch(rule, std::move(handler));
}
#endif

inline constexpr const char* k_bus_name = "io.github.iotc_ha";

using Variants = std::map<std::string, sdbus::Variant>;

[[nodiscard]] core::WallTime moment(std::uint64_t microseconds);
/// `who_may`: what is said when the bus does not permit it.
[[nodiscard]] Failure failure_of(const sdbus::Error& error, const char* who_may);

/// The values of the properties of one interface, as they were at one moment.
class Properties {
 public:
  explicit Properties(Variants values = {}) : values_(std::move(values)) {}
  template <typename T>
  [[nodiscard]] T get(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end() || !found->second.containsValueOfType<T>()) return {};  // a daemon older than we are
    return found->second.get<T>();
  }
  [[nodiscard]] std::string text(const std::string& name) const { return get<std::string>(name); }
  [[nodiscard]] std::uint64_t number(const std::string& name) const { return get<std::uint64_t>(name); }
  void update(const Variants& changed) {
    for (const auto& [name, value] : changed) values_.insert_or_assign(name, value);
  }

 private:
  Variants values_;
};

/// The object of the daemon. Its signals are not asked for before listen().
class Proxy final
    : public sdbus::ProxyInterfaces<io::github::iotc_ha::Agent1_proxy, io::github::iotc_ha::Telemetry1_proxy,
                                    io::github::iotc_ha::Twin1_proxy, io::github::iotc_ha::Commands1_proxy> {
 public:
  explicit Proxy(sdbus::IConnection& connection)
      : ProxyInterfaces(connection, BusName{k_bus_name}, sdbus::ObjectPath{"/io/github/iotc_ha"}) {}
  virtual ~Proxy() = default;
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  Properties properties(const char* interface);
  void flush(std::uint64_t sequence, std::chrono::microseconds timeout);

  /// From now on `told` is called with what the daemon says, while messages are handled. Only what comes from `owner`
  /// is the daemon's: a signal that is sent to us alone reaches us from anybody.
  void listen(std::function<void(Event)> told);
  void set_owner(std::string unique_name);  ///< "": nobody has the name
  void read_state();                        ///< and tells of it

  // Two interfaces have a method of this name.
  void claim_properties(const std::vector<std::string>& names) { Twin1_proxy::Claim(names); }
  void claim_commands(const std::vector<std::string>& names) { Commands1_proxy::Claim(names); }

 private:
  void tell_state();
  [[nodiscard]] bool is_from_owner() const { return sender_of_signal(getProxy()) == owner_; }
  /// For the handlers of signals.
  void tell(Event event) const {
    if (is_from_owner()) told_(std::move(event));
  }
  void onFailedOver(const std::string& from, const std::string& to, const std::uint64_t& duration) override;
  void onMessagesDropped(const std::uint64_t& first, const std::uint64_t& last, const std::string& reason) override;
  void onDesiredChanged(const std::string& json_patch, const std::uint64_t& version) override;
  void onInvoked(const std::uint64_t& id, const std::string& name, const std::string& component,
                 const std::string& json_payload, const bool& durable) override;

  std::function<void(Event)> told_;
  std::string owner_;
  Properties agent_;
};

}  // namespace iotc_ha::cli
