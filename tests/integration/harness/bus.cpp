#include "bus.hpp"

#include "wait.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <sstream>
#include <stdexcept>

namespace iotc_ha::integration {
namespace {

using nlohmann::json;

constexpr const char* k_name = "io.github.iotc_ha";
constexpr const char* k_path = "/io/github/iotc_ha";
constexpr const char* k_agent = "io.github.iotc_ha.Agent1";
constexpr const char* k_telemetry = "io.github.iotc_ha.Telemetry1";

/// busctl's JSON wraps each variant as {"type":…,"data":…}.
template <typename T>
T value_of(const json& properties, const char* name) {
  return properties.at(name).at("data").get<T>();
}

/// The signals that the agent itself has sent, in order, among all that the witness wrote. None while there is no bus.
std::vector<json> signals_of_agent(const std::unique_ptr<Process>& witness) {
  std::vector<json> found;
  if (!witness) return found;
  std::istringstream stream(witness->out());
  for (std::string line; std::getline(stream, line);) {
    json message = json::parse(line, nullptr, false);
    if (message.is_discarded()) continue;  // the line that is just being written
    if (message.value("type", "") == "signal" && message.value("path", "") == k_path)
      found.push_back(std::move(message));
  }
  return found;
}

}  // namespace

Bus::Bus(const std::filesystem::path& folder) : folder_(folder), address_("unix:path=" + (folder / "bus").string()) {
  write_file(folder_ / "bus.conf",
             "<busconfig><type>session</type><listen>" + address_ +
                 "</listen><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
                 "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n");
  start();
}

void Bus::start() {
  const std::string life = std::to_string(++life_);
  daemon_ = std::make_unique<Process>(
      Command{"dbus-daemon", "--nofork", "--nopidfile", "--config-file=" + (folder_ / "bus.conf").string()},
      folder_ / ("bus-daemon-" + life));
  if (!eventually([this] { return std::filesystem::exists(folder_ / "bus"); })) {
    throw std::runtime_error("dbus-daemon does not listen: " + daemon_->err());
  }
  witness_ = std::make_unique<Process>(
      Command{"busctl", "--address=" + address_, "--json=short", "--match=type='signal'", "monitor"},
      folder_ / ("bus-witness-" + life));
  if (!eventually([this] { return witness_->err().find("Monitoring") != std::string::npos; })) {
    throw std::runtime_error("busctl does not watch the bus: " + witness_->err());
  }
}

void Bus::stop() {
  witness_.reset();
  daemon_.reset();
  std::filesystem::remove(folder_ / "bus");
}

Outcome Bus::busctl(const Command& arguments) const {
  Command command{"busctl", "--address=" + address_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

bool Bus::agent_is_there() const { return busctl({"status", k_name}).status == 0; }

Agent Bus::agent() const {
  const json answer = json::parse(run_well({"busctl", "--address=" + address_, "--json=short", "call", k_name, k_path,
                                            "org.freedesktop.DBus.Properties", "GetAll", "s", k_agent}));
  const json& p = answer.at("data").at(0);
  const json& error = p.at("LastError").at("data");
  return {.state = value_of<std::string>(p, "State"),
          .state_reason = value_of<std::string>(p, "StateReason"),
          .state_since = value_of<std::uint64_t>(p, "StateSince"),
          .current_hub = value_of<std::string>(p, "CurrentHub"),
          .previous_hub = value_of<std::string>(p, "PreviousHub"),
          .device_id = value_of<std::string>(p, "DeviceId"),
          .model_id = value_of<std::string>(p, "ModelId"),
          .version = value_of<std::string>(p, "Version"),
          .next_attempt = value_of<std::uint64_t>(p, "NextAttempt"),
          .attempts = value_of<std::uint32_t>(p, "Attempts"),
          .failover_count = value_of<std::uint64_t>(p, "FailoverCount"),
          .reconnect_count = value_of<std::uint64_t>(p, "ReconnectCount"),
          .last_failover_duration = value_of<std::uint64_t>(p, "LastFailoverDuration"),
          .last_error_name = error.at(0).get<std::string>(),
          .last_error_text = error.at(1).get<std::string>(),
          .last_error_when = error.at(2).get<std::uint64_t>()};
}

void Bus::call(const std::string& method) const {
  run_well({"busctl", "--address=" + address_, "call", k_name, k_path, k_agent, method});
}

std::vector<HistoryEntry> Bus::history() const {
  const json answer = json::parse(run_well(
      {"busctl", "--address=" + address_, "--json=short", "call", k_name, k_path, k_agent, "GetHistory", "u", "1000"}));
  std::vector<HistoryEntry> entries;
  for (const json& entry : answer.at("data").at(0)) {
    entries.push_back({entry.at(0).get<std::uint64_t>(), entry.at(1).get<std::string>(), entry.at(2).get<std::string>(),
                       entry.at(3).get<std::string>()});
  }
  return entries;
}

std::vector<Change> Bus::changes() const {
  std::vector<Change> changes;
  for (const json& signal : signals_of_agent(witness_)) {
    if (signal.at("member") != "PropertiesChanged") continue;
    const json& arguments = signal.at("payload").at("data");
    if (arguments.at(0) != k_agent) continue;
    const json& changed = arguments.at(1);
    Change change{.time_us = signal.at("timestamp-realtime").get<std::int64_t>(), .state = {}, .last_error_name = {}};
    if (changed.contains("State")) change.state = value_of<std::string>(changed, "State");
    if (changed.contains("LastError")) {
      change.last_error_name = changed.at("LastError").at("data").at(0).get<std::string>();
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<FailedOver> Bus::failovers() const {
  std::vector<FailedOver> failovers;
  for (const json& signal : signals_of_agent(witness_)) {
    if (signal.at("interface") != k_agent || signal.at("member") != "FailedOver") continue;
    const json& arguments = signal.at("payload").at("data");
    failovers.push_back(
        {arguments.at(0).get<std::string>(), arguments.at(1).get<std::string>(), arguments.at(2).get<std::uint64_t>()});
  }
  return failovers;
}

std::vector<Drop> Bus::drops() const {
  std::vector<Drop> drops;
  for (const json& signal : signals_of_agent(witness_)) {
    if (signal.at("interface") != k_telemetry || signal.at("member") != "MessagesDropped") continue;
    const json& arguments = signal.at("payload").at("data");
    drops.push_back({arguments.at(0).get<std::uint64_t>(), arguments.at(1).get<std::uint64_t>(),
                     arguments.at(2).get<std::string>()});
  }
  return drops;
}

std::vector<std::string> Bus::states(std::size_t from) const {
  std::vector<std::string> states;
  for (const Change& change : changes()) {
    if (!change.state.empty()) states.push_back(change.state);
  }
  states.erase(states.begin(), states.begin() + static_cast<std::ptrdiff_t>(std::min(from, states.size())));
  return states;
}

std::vector<std::string> Bus::errors(std::size_t from) const {
  std::vector<std::string> names;
  const auto all = changes();
  for (std::size_t i = from; i < all.size(); ++i) {
    if (!all[i].last_error_name.empty()) names.push_back(all[i].last_error_name);
  }
  return names;
}

}  // namespace iotc_ha::integration
