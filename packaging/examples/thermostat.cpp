// A thermostat in C++ with sd-bus. Needs libsystemd-dev:
//   g++ -std=c++20 -o thermostat thermostat.cpp $(pkg-config --cflags --libs libsystemd)

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr const char* k_name = "io.github.iotc_ha";
constexpr const char* k_path = "/io/github/iotc_ha";
constexpr const char* k_telemetry = "io.github.iotc_ha.Telemetry1";
constexpr const char* k_twin = "io.github.iotc_ha.Twin1";
constexpr const char* k_commands = "io.github.iotc_ha.Commands1";
constexpr const char* k_dbus = "org.freedesktop.DBus";

std::string daemon_name;  ///< the daemon's unique name on the bus, "" while it is away

/// For what this program cannot go on without.
void require(int result, const char* what) {
  if (result >= 0) return;
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(-result));
  std::exit(1);
}

/// Calls a method of the daemon that returns nothing. A refusal has a name, such as io.github.iotc_ha.Error.TimedOut.
template <typename... Arguments>
void call(sd_bus* bus, const char* interface, const char* method, const char* types, Arguments... arguments) {
  sd_bus_error error{};
  if (sd_bus_call_method(bus, k_name, k_path, interface, method, &error, nullptr, types, arguments...) < 0) {
    std::fprintf(stderr, "%s: %s: %s\n", method, error.name, error.message);
  }
  sd_bus_error_free(&error);
}

/// A match lets in every signal that is sent to us alone, whoever sends it. Only the daemon speaks for the cloud.
bool is_from_daemon(sd_bus_message* message) {
  const char* sender = sd_bus_message_get_sender(message);
  return sender != nullptr && daemon_name == sender;
}

/// Reported properties of the component. "__t":"c" tells the cloud that it is one.
void report(sd_bus* bus, const std::string& members) {
  const std::string patch = R"({"thermostat":{"__t":"c",)" + members + "}}";
  call(bus, k_twin, "Report", "s", patch.c_str());
}

void arm(sd_event* event, std::uint64_t seconds, sd_event_time_handler_t handler, sd_bus* bus) {
  require(sd_event_add_time_relative(event, nullptr, CLOCK_MONOTONIC, seconds * 1'000'000, 0, handler, bus), "timer");
}

int send_temperature(sd_event_source* source, std::uint64_t /*usec*/, void* userdata) {
  auto* bus = static_cast<sd_bus*>(userdata);
  // One option: the component that it is of. The answer means that it is on disk.
  call(bus, k_telemetry, "Submit", "sa{sv}", R"({"temperature":21.5})", 1, "component", "s", "thermostat");
  arm(sd_event_source_get_event(source), 10, send_temperature, bus);
  return 0;
}

/// The patch is {"thermostat":{"__t":"c","target":21.5}}: one property is claimed, so one comes. A larger program reads
/// it with a JSON library.
int on_desired(sd_bus_message* message, void* /*userdata*/, sd_bus_error* /*error*/) {
  if (!is_from_daemon(message)) return 0;
  const char* patch = nullptr;
  std::uint64_t version = 0;
  require(sd_bus_message_read(message, "st", &patch, &version), "DesiredChanged");
  const char* value = std::strstr(patch, "\"target\":");
  if (value == nullptr) return 0;
  value += std::strlen("\"target\":");
  const std::string json(value, std::strcspn(value, ",}"));
  char* end = nullptr;
  const double target = std::strtod(json.c_str(), &end);
  const bool well = end != json.c_str() && *end == '\0' && target >= 5 && target <= 30;
  call(sd_bus_message_get_bus(message), k_twin, "Acknowledge", "ssist", "thermostat*target", json.c_str(),
       well ? 200 : 400, well ? "heating" : "must be 5 to 30", version);
  std::printf("target %s\n", json.c_str());
  return 0;
}

int calibrated(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* userdata) {
  report(static_cast<sd_bus*>(userdata), R"("calibrated":true)");
  return 0;
}

int on_invoked(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) {
  if (!is_from_daemon(message)) return 0;
  std::uint64_t id = 0;
  const char* name = nullptr;
  const char* component = nullptr;
  const char* payload = nullptr;
  int durable = 0;
  require(sd_bus_message_read(message, "tsssb", &id, &name, &component, &payload, &durable), "Invoked");
  sd_bus* bus = sd_bus_message_get_bus(message);
  std::printf("%s %s\n", name, payload);
  if (std::strcmp(name, "reset") == 0) {
    call(bus, k_commands, "Complete", "tis", id, 200, R"("done")");
  } else {  // calibrate takes a while: its caller is told that it has begun, and later by a property how it went
    call(bus, k_commands, "Complete", "tis", id, 202, R"("begun")");
    arm(static_cast<sd_event*>(userdata), 2, calibrated, bus);
  }
  return 0;
}

void claim(sd_bus* bus) {
  call(bus, k_twin, "Claim", "as", 1, "thermostat*target");
  call(bus, k_commands, "Claim", "as", 2, "thermostat*reset", "thermostat*calibrate");
  report(bus, R"("serial":"T-1000")");
}

/// Once; from then on the bus tells of changes.
void find_daemon(sd_bus* bus) {
  sd_bus_message* reply = nullptr;
  sd_bus_call_method(bus, k_dbus, "/org/freedesktop/DBus", k_dbus, "GetNameOwner", nullptr, &reply, "s", k_name);
  if (reply == nullptr) return;  // it is not there yet
  const char* owner = nullptr;
  require(sd_bus_message_read(reply, "s", &owner), "GetNameOwner");
  daemon_name = owner;
  sd_bus_message_unref(reply);
}

/// The daemon has gone; or it has been started again, and has forgotten what was claimed before.
int on_owner_changed(sd_bus_message* message, void* /*userdata*/, sd_bus_error* /*error*/) {
  if (std::strcmp(sd_bus_message_get_sender(message), k_dbus) != 0) return 0;
  const char* name = nullptr;
  const char* before = nullptr;
  const char* now = nullptr;
  require(sd_bus_message_read(message, "sss", &name, &before, &now), "NameOwnerChanged");
  daemon_name = now;
  if (*now != '\0') claim(sd_bus_message_get_bus(message));
  return 0;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  sd_bus* bus = nullptr;
  sd_event* event = nullptr;
  require(sd_bus_open_system(&bus), "the system bus");
  require(sd_event_default(&event), "event loop");
  // Listen first: what waits for an answer is told while we claim.
  require(sd_bus_match_signal(bus, nullptr, k_name, k_path, k_twin, "DesiredChanged", on_desired, nullptr), "match");
  require(sd_bus_match_signal(bus, nullptr, k_name, k_path, k_commands, "Invoked", on_invoked, event), "match");
  require(sd_bus_add_match(bus, nullptr,
                           "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                           "member='NameOwnerChanged',arg0='io.github.iotc_ha'",
                           on_owner_changed, nullptr),
          "match");
  find_daemon(bus);
  claim(bus);
  arm(event, 0, send_temperature, bus);
  require(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), "attach");
  require(sd_event_loop(event), "event loop");
}
