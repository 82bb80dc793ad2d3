#include "departures.hpp"

#include <string_view>

namespace iotc_ha::bus {
namespace {

/// Every name that has no owner any more.
constexpr const char* k_every_name =
    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
    "member='NameOwnerChanged',arg2=''";

}  // namespace

Departures::Departures(sdbus::IConnection& connection)
    : slot_(add_match(connection, k_every_name, [this](auto&& message) {
        // Anybody may send us such a signal by itself; only the bus can send it under this name.
        if (std::string_view(message.getSender()) != k_dbus) return;
        std::string name;
        message >> name;
        if (heard) heard(name);
      })) {
  // To add a match waits for the bus, which the loop must not. So the library gets one for all names here, and the bus
  // is asked to tell of none: from now on it tells of those that an asynchronous AddMatch has named.
  sdbus::createProxy(connection, BusName{k_dbus}, sdbus::ObjectPath{k_dbus_path})
      ->callMethod("RemoveMatch")
      .onInterface(k_dbus)
      .withArguments(std::string(k_every_name));
}

std::string Departures::rule_for(const std::string& name) { return std::string(k_every_name) + ",arg0='" + name + "'"; }

}  // namespace iotc_ha::bus
