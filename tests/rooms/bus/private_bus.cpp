#include "private_bus.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace iotc_ha::bus {
namespace {

namespace fs = std::filesystem;

// As /usr/share/dbus-1/system.conf has them in Debian 12.
constexpr const char* k_system_rules = R"(
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
)";
constexpr const char* k_session_rules = R"(
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
)";

}  // namespace

std::string read_file(const fs::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

Child::Child(std::vector<std::string> command) {
  // setpriv: the child shall not outlive a test that crashes.
  command.insert(command.begin(), {"setpriv", "--pdeathsig", "KILL", "--"});
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  const int failed = posix_spawnp(&pid_, "setpriv", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = ends[0];
  if (failed != 0) throw std::runtime_error(command[4] + " cannot be started");
}

Child::~Child() {
  if (pid_ > 0) {
    signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(output_);
}

std::optional<std::string> Child::line() {
  const auto deadline = std::chrono::steady_clock::now() + k_deadline;
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd readable{output_, POLLIN, 0};
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
    std::array<char, 4096> bytes{};
    const ssize_t count = read(output_, bytes.data(), bytes.size());
    if (count <= 0) return std::nullopt;
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

void Child::signal(int number) const { ::kill(pid_, number); }

int Child::wait() {
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Output run(const std::vector<std::string>& command) {
  Child child(command);
  Output answer{0, ""};
  while (const auto line = child.line()) answer.text += (answer.text.empty() ? "" : "\n") + *line;
  answer.status = child.wait();
  return answer;
}

PrivateBus::PrivateBus(Kind kind, const std::string& policy) {
  std::string name = (fs::temp_directory_path() / "iotc-ha-bus-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  dir_ = name;
  fs::permissions(dir_, fs::perms{0755});
  std::ofstream(dir_ / "policy.conf") << policy;
  std::ofstream(dir_ / "bus.conf")
      << "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
         " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>"
      << (kind == Kind::System ? "system" : "session") << "</type><listen>" << address()
      << "</listen><auth>EXTERNAL</auth>" << (kind == Kind::System ? k_system_rules : k_session_rules)
      << (policy.empty() ? "" : "<include>policy.conf</include>") << "</busconfig>\n";
}

PrivateBus::~PrivateBus() {
  daemon_.reset();
  fs::remove_all(dir_);
}

std::string PrivateBus::address() const { return "unix:path=" + (dir_ / "socket").string(); }

void PrivateBus::start() {
  daemon_.emplace(std::vector<std::string>{"dbus-daemon", "--config-file=" + (dir_ / "bus.conf").string(), "--nofork",
                                           "--print-address"});
  // Lines before the address: a policy that names a user whom this machine does not have.
  std::string said;
  while (const auto line = daemon_->line()) {
    if (line->starts_with("unix:")) return;
    said += *line + "\n";
  }
  throw std::runtime_error("dbus-daemon does not start: " + said);
}

void PrivateBus::kill() { daemon_.reset(); }

void PrivateBus::signal(int number) const { daemon_->signal(number); }

Output PrivateBus::busctl(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{"busctl", "--address=" + address()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

Output PrivateBus::busctl_as_nobody(const std::vector<std::string>& arguments, const std::string& groups) const {
  std::vector<std::string> command{"setpriv",       "--reuid=65534",
                                   "--regid=65534", groups.empty() ? "--clear-groups" : "--groups=" + groups,
                                   "busctl",        "--address=" + address()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

std::vector<std::string> PrivateBus::dbus_send(const std::string& destination, const std::string& path) const {
  return {"dbus-send", "--bus=" + address(), "--print-reply", "--dest=" + destination, path};
}

std::string PrivateBus::get_property(const std::string& name, const std::string& interface) const {
  return busctl({"get-property", "io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha." + interface, name})
      .text;
}

Served::Served(const std::string& address) {
  std::promise<void> ready;
  thread_ = std::thread([&, address] {
    runtime::Loop loop;
    Service service(loop, address, {"1.2.3", "dtmi:Sample:Failover;1"}, requests(),
                    [this](const std::string& line) { note(line); });
    loop_ = &loop;
    service_ = &service;
    ready.set_value();
    loop.run();
  });
  ready.get_future().wait();
}

Served::~Served() {
  loop_->post([this] { loop_->exit(0); });
  thread_.join();
}

void Served::on_loop(const std::function<void(Service&)>& task) {
  std::promise<void> done;
  loop_->post([&] {
    task(*service_);
    done.set_value();
  });
  done.get_future().wait();
}

void Served::note(const std::string& line) {
  {
    const std::scoped_lock lock(mutex_);
    notes_.push_back(line);
  }
  changed_.notify_all();
}

bool Served::noted(const std::string& part) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, k_deadline, [&] {
    for (const std::string& line : notes_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  });
}

std::vector<std::string> Served::notes() const {
  const std::scoped_lock lock(mutex_);
  return notes_;
}

Requests Served::requests() {
  const auto set = [](std::string& value, const std::string& wanted,
                      const std::vector<std::string>& known) -> core::Result<void> {
    for (const std::string& name : known) {
      if (name == wanted) {
        value = wanted;
        return {};
      }
    }
    if (wanted == "kmsg") return core::fail(core::Fault::StorageFailed, "the kernel's log cannot be opened");
    return core::fail(core::Fault::BadConfiguration, "\"" + wanted + "\" is not one of ours");
  };
  Requests requests;
  requests.reconnect = [this] { ++reconnects; };
  requests.reprovision = [this] { ++reprovisions; };
  requests.history = [](std::uint32_t max) {
    std::vector<core::HistoryEntry> entries{
        {core::WallTime{std::chrono::seconds{1'700'000'002}}, "Connecting", "Connected", "twin read"},
        {core::WallTime{std::chrono::seconds{1'700'000'001}}, "Provisioning", "Connecting", "hub-a: \xff!"}};
    if (entries.size() > max) entries.resize(max);
    return entries;
  };
  requests.log_level = [this] { return log_level_; };
  requests.set_log_level = [this, set](const std::string& level) { return set(log_level_, level, {"debug", "info"}); };
  requests.log_target = [this] { return log_target_; };
  requests.set_log_target = [this, set](const std::string& target) {
    return set(log_target_, target, {"journal", "console"});
  };
  shelf.serve(requests);
  desk.serve(requests);
  return requests;
}

core::Status example_status() {
  core::Status status;
  status.state = "Connected";
  status.state_reason = "the hub answers";
  status.state_since = core::WallTime{std::chrono::microseconds{1'700'000'000'000'001}};
  status.current_hub = "hub-b.azure-devices.net";
  status.previous_hub = "hub-a.azure-devices.net";
  status.device_id = "failover-linux";
  status.next_attempt = core::WallTime{std::chrono::microseconds{1'700'000'005'000'000}};
  status.attempts = 3;
  status.failover_count = 7;
  status.reconnect_count = 5;
  status.last_failover_duration = std::chrono::milliseconds{2'345};
  status.last_error = {"ConnectionLost", "hub-a closed the connection", core::WallTime{std::chrono::microseconds{42}}};
  status.dps_registrations = 9;
  status.dps_throttled = 2;
  return status;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + k_deadline;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
  }
  return false;
}

}  // namespace iotc_ha::bus
