#include "lizard.hpp"

#include "wait.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace iotc_ha::integration {
namespace {

using nlohmann::json;

/// The cloud waits for 30 s.
constexpr std::chrono::seconds k_call_patience{60};

template <typename T>
T at(const json& object, const char* name) {
  return object.at(name).get<T>();
}
std::string text_or_nothing(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

HubStatus read_hub(const json& hub) {
  return {.name = at<std::string>(hub, "name"),
          .address = at<std::string>(hub, "address"),
          .state = at<std::string>(hub, "state"),
          .connections = at<std::uint64_t>(hub, "connections"),
          .refusals = at<std::uint64_t>(hub, "refusals"),
          .telemetry = at<std::uint64_t>(hub, "telemetry")};
}

DeviceStatus read_device(const json& device) {
  return {.id = at<std::string>(device, "id"),
          .assigned = at<std::string>(device, "assigned"),
          .connected_to = text_or_nothing(device, "connected_to"),
          .enabled = at<bool>(device, "enabled"),
          .registrations = at<std::uint64_t>(device, "registrations"),
          .model_id = at<std::string>(device, "model_id"),
          .connections = at<std::uint64_t>(device, "connections"),
          .expiry_cuts = at<std::uint64_t>(device, "expiry_cuts"),
          .clean_disconnects = at<std::uint64_t>(device, "clean_disconnects"),
          .c2d_queued = at<std::uint64_t>(device, "c2d_queued")};
}

LizardStatus read_status(const json& status) {
  const json& dps = status.at("dps");
  LizardStatus read{.ready = at<bool>(status, "ready"),
                    .id_scope = at<std::string>(status, "id_scope"),
                    .group_key = at<std::string>(status, "group_key"),
                    .central_token = at<std::string>(status, "central_token"),
                    .ca_file = at<std::string>(status, "ca_file"),
                    .dps = {.address = at<std::string>(dps, "address"),
                            .state = at<std::string>(dps, "state"),
                            .registrations = at<std::uint64_t>(dps, "registrations")},
                    .hubs = {},
                    .devices = {}};
  for (const json& hub : status.at("hubs")) read.hubs.push_back(read_hub(hub));
  for (const json& device : status.at("devices")) read.devices.push_back(read_device(device));
  return read;
}

Received read_received(const json& message) {
  Received received{.seq = at<std::uint64_t>(message, "seq"),
                    .hub = at<std::string>(message, "hub"),
                    .device = at<std::string>(message, "device"),
                    .mid = at<std::string>(message, "mid"),
                    .properties = {},
                    .body = message.at("body").dump(),
                    .created = {}};
  for (const auto& [name, value] : message.at("properties").items()) {
    received.properties[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  received.created = received.properties["iothub-creation-time-utc"];
  return received;
}

}  // namespace

const HubStatus& LizardStatus::hub(const std::string& name) const {
  const auto found = std::find_if(hubs.begin(), hubs.end(), [&](const HubStatus& hub) { return hub.name == name; });
  if (found == hubs.end()) throw std::runtime_error("the lizard has no hub " + name);
  return *found;
}

DeviceStatus LizardStatus::device(const std::string& id) const {
  const auto found = std::find_if(devices.begin(), devices.end(), [&](const DeviceStatus& d) { return d.id == id; });
  return found == devices.end() ? DeviceStatus{} : *found;
}

Lizard::Lizard(const std::filesystem::path& folder, const std::string& network, const Command& options)
    : state_dir_(folder / "lizard") {
  Command command{IOTC_HA_LIZARD_PROGRAM, "run", "--state-dir", state_dir_.string(), "--network", network};
  command.insert(command.end(), options.begin(), options.end());
  process_ = std::make_unique<Process>(command, folder / "lizard-run");
  const auto is_ready = [this] {
    if (!process_->running()) throw std::runtime_error("the lizard has ended: " + log());
    const Outcome outcome = run({IOTC_HA_LIZARD_PROGRAM, "status", "--state-dir", state_dir_.string(), "--json"});
    return outcome.status == 0 && read_status(json::parse(outcome.out)).ready;
  };
  if (!eventually(is_ready)) throw std::runtime_error("the lizard does not get ready: " + log());
}

std::string Lizard::answer(Command command) const {
  command.insert(command.begin(), IOTC_HA_LIZARD_PROGRAM);
  command.insert(command.end(), {"--state-dir", state_dir_.string()});
  return run_well(command);
}

LizardStatus Lizard::status() const { return read_status(json::parse(answer({"status", "--json"}))); }

void Lizard::attack(const std::string& target, const std::string& how, const Command& options) const {
  Command command{"attack", target, "--how", how};
  command.insert(command.end(), options.begin(), options.end());
  answer(std::move(command));
}

void Lizard::revive(const std::string& target) const { answer({"revive", target}); }
void Lizard::act(const Command& command) const { answer(command); }

Outcome Lizard::try_to(Command command) const {
  command.insert(command.begin(), IOTC_HA_LIZARD_PROGRAM);
  command.insert(command.end(), {"--state-dir", state_dir_.string()});
  return run(command);
}

CommandAnswer Lizard::command(const std::string& device, const std::string& name, const std::string& payload) const {
  const json read = json::parse(answer({"command", device, name, payload, "--json"}));
  return {at<int>(read, "status"), read.at("payload").dump()};
}

CalledMethod Lizard::call_with(const Command& arguments) {
  Command command{IOTC_HA_LIZARD_PROGRAM, "command", "--json", "--state-dir", state_dir_.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {command, state_dir_ / ("call-" + std::to_string(++calls_))};
}

std::string CalledMethod::said() {
  if (!process_.wait(k_call_patience)) throw std::runtime_error("a direct method has no end");
  return process_.out();
}

CommandAnswer CalledMethod::answer() {
  const json read = json::parse(said());
  if (read.contains("error")) throw std::runtime_error("a direct method has no answer: " + read["error"].dump());
  return {at<int>(read, "status"), read.at("payload").dump()};
}

std::string CalledMethod::failure() { return at<std::string>(json::parse(said()), "error"); }

std::uint64_t Lizard::desired(const std::string& device, const std::string& patch) const {
  return at<std::uint64_t>(json::parse(answer({"desired", device, patch, "--json"})), "version");
}

std::string Lizard::twin(const std::string& device, const std::string& pointer) const {
  const json twin = json::parse(answer({"twin", device, "--json"}));
  const json::json_pointer place(pointer);
  return twin.contains(place) ? twin.at(place).dump() : "";
}

void Lizard::write_config(const std::string& device, const std::filesystem::path& file) const {
  answer({"config", "--device", device, "--output", file.string()});
}

HttpAnswer Lizard::central(const std::string& device, const std::string& action, const std::string& body) const {
  const LizardStatus now = status();
  const std::string answer =
      run_well({"curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", now.ca_file, "--request", "POST",
                "--header", "Authorization: " + now.central_token, "--header", "Content-Type: application/json",
                "--data", body, "--write-out", "\n%{http_code}",
                "https://" + now.dps.address + "/system/iothub/devices/" + device + "/" + action});
  const auto end = answer.rfind('\n');
  return {std::stoi(answer.substr(end + 1)), answer.substr(0, end)};
}

const std::vector<Received>& Lizard::telemetry() {
  const std::uint64_t since = received_.empty() ? 0 : received_.back().seq;
  for_each_line(since, [this](const std::string& line) {
    received_.push_back(read_received(json::parse(line)));
    return received_.back().seq;
  });
  return received_;
}

std::uint64_t Lizard::telemetry_count() const {
  std::uint64_t count = 0;
  for (const HubStatus& hub : status().hubs) count += hub.telemetry;
  return count;
}

void Lizard::for_each_mid(const std::function<void(std::string_view)>& visit) const {
  for_each_line(0, [&visit](const std::string& line) {
    const auto value_after = [&line](std::string_view name) {
      const auto begin = line.find(name) + name.size();
      return std::string_view(line).substr(begin, line.find_first_of(",\"", begin) - begin);
    };
    visit(value_after(R"("mid":")"));
    return std::stoull(std::string(value_after(R"("seq":)")));
  });
}

void Lizard::for_each_line(std::uint64_t since, const std::function<std::uint64_t(const std::string&)>& visit) const {
  constexpr std::size_t k_piece = 20'000;
  std::size_t count = k_piece;
  while (count == k_piece) {
    std::istringstream lines(
        answer({"telemetry", "--json", "--since", std::to_string(since), "--limit", std::to_string(k_piece)}));
    count = 0;
    for (std::string line; std::getline(lines, line); ++count) since = visit(line);
  }
}

}  // namespace iotc_ha::integration
