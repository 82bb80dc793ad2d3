#include "daemon.hpp"

#include "wait.hpp"

#include <csignal>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace iotc_ha::integration {
namespace {

/// A line of /proc/PID/status; 0 when the process is not there.
std::uint64_t kib_in_status(pid_t pid, const std::string& name) {
  const std::regex line(name + R"(:\s+(\d+) kB)");
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/status");
  std::smatch found;
  return std::regex_search(text, found, line) ? std::stoull(found[1]) : 0;
}

}  // namespace

Daemon::Daemon(std::filesystem::path folder, std::string bus_address)
    : folder_(std::move(folder)),
      config_(folder_ / "iotc-ha.conf"),
      state_dir_(folder_ / "state"),
      bus_address_(std::move(bus_address)) {}

void Daemon::drop_in(const std::string& name, const std::string& toml) const {
  write_file(folder_ / "iotc-ha.conf.d" / (name + ".conf"), toml);
}

void Daemon::remove_drop_in(const std::string& name) const {
  std::filesystem::remove(folder_ / "iotc-ha.conf.d" / (name + ".conf"));
}

Command Daemon::command() const {
  return {IOTC_HA_DAEMON_PROGRAM, "--config", config_.string(), "--state-dir",
          state_dir_.string(),    "--bus",    bus_address_};
}

void Daemon::start() {
  std::filesystem::create_directories(state_dir_);
  process_ = std::make_unique<Process>(command(), folder_ / ("daemon-" + std::to_string(++life_)));
}

void Daemon::kill() {
  process_->signal(SIGKILL);
  if (!process_->wait(k_patience)) throw std::runtime_error("the daemon outlives SIGKILL");
}

void Daemon::reload() { process_->signal(SIGHUP); }
void Daemon::ask_to_stop() { process_->signal(SIGTERM); }

Outcome Daemon::run_once(const Command& arguments) const {
  Command whole = command();
  whole.insert(whole.end(), arguments.begin(), arguments.end());
  return run(whole);
}

std::vector<Transition> Daemon::transitions() const {
  static const std::regex k_line(R"((\w+) -> (\w+): (.+))");
  std::vector<Transition> transitions;
  std::istringstream lines(journal());
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, found, k_line)) transitions.push_back({found[1], found[2], found[3]});
  }
  return transitions;
}

std::vector<std::string> Daemon::states() const {
  std::vector<std::string> states;
  for (const Transition& transition : transitions()) {
    if (transition.from != transition.to) states.push_back(transition.to);
  }
  return states;
}

std::optional<Account> Daemon::account() const {
  static const std::regex k_line(
      R"(stopped: (\d+) messages accepted, (\d+) delivered, (\d+) dropped, (\d+) quarantined, (\d+) waiting)");
  const std::string text = journal();
  std::smatch found;
  if (!std::regex_search(text, found, k_line)) return std::nullopt;
  return Account{std::stoull(found[1]), std::stoull(found[2]), std::stoull(found[3]), std::stoull(found[4]),
                 std::stoull(found[5])};
}

std::uint64_t Daemon::resident_kib() const { return kib_in_status(pid(), "VmRSS"); }
std::uint64_t Daemon::peak_resident_kib() const { return kib_in_status(pid(), "VmHWM"); }

}  // namespace iotc_ha::integration
