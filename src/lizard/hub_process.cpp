#include "hub_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <vector>

namespace iotc_ha::lizard {
namespace {

constexpr int k_link_fd = 3;  // in mosquitto

/// Our environment, with the plugin preloaded and the link named.
std::vector<std::string> hub_environment(const std::string& plugin) {
  std::vector<std::string> environment;
  std::string preload = "LD_PRELOAD=" + plugin;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("NOTIFY_SOCKET=") || text.starts_with("WATCHDOG_")) continue;
    if (text.starts_with("LD_PRELOAD=")) {
      preload += ":" + std::string(text.substr(std::string_view("LD_PRELOAD=").size()));
      continue;
    }
    environment.emplace_back(text);
  }
  environment.push_back(std::move(preload));
  environment.push_back("IOTC_HA_LIZARD_LINK=" + std::to_string(k_link_fd));
  return environment;
}

/// After fork(), in a process that had threads: only calls that are safe there.
[[noreturn]] void become_hub(pid_t parent, int link, int log, const char* program, char* const* arguments,
                             char* const* environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD, SIGHUP}) signal(number, SIG_DFL);
  // A connection is a descriptor, and a fleet has more devices than the usual soft limit of 1024.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  if (link == k_link_fd) {
    fcntl(link, F_SETFD, 0);
  } else {
    dup2(link, k_link_fd);
  }
  syscall(SYS_close_range, k_link_fd + 1, ~0U, 0);
  execve(program, arguments, environment);
  constexpr std::string_view k_message = "iotc-ha-lizard: cannot start mosquitto\n";
  if (write(STDERR_FILENO, k_message.data(), k_message.size()) < 0) _exit(126);
  _exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

core::Result<void> write_hub_configuration(const Settings& settings, MqttService service, const std::string& directory,
                                           const std::string& address, const std::string& certificate_file,
                                           const std::string& key_file) {
  std::string text;
  text += "listener " + std::to_string(settings.mqtt_port) + " " + address + "\n";
  text += "certfile " + certificate_file + "\n";
  text += "keyfile " + key_file + "\n";
  text += "tls_version tlsv1.2\n";  // the lowest that it accepts
  text += "max_qos 1\n";            // a PUBLISH of QoS 2 closes the connection, as a hub does
  text += "set_tcp_nodelay true\n";
  text += "allow_anonymous false\n";
  text += "plugin " + settings.plugin + "\n";
  if (service == MqttService::Dps) text += "plugin_opt_service dps\n";
  text += "persistence false\n";
  text += "sys_interval 0\n";
  text += "log_dest stderr\n";
  text += "log_type error\nlog_type warning\n";
  text += "connection_messages false\n";
  if (geteuid() == 0) text += "user root\n";  // otherwise it changes to a user who may not read the key
  return write_file(directory + "/mosquitto.conf", text, 0600);
}

core::Result<HubProcess> start_hub(const Settings& settings, const std::string& directory) {
  if (access(settings.mosquitto.c_str(), X_OK) != 0) {
    return tl::unexpected(storage_error("cannot run", settings.mosquitto));
  }
  if (access(settings.plugin.c_str(), R_OK) != 0) return tl::unexpected(storage_error("cannot read", settings.plugin));
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return tl::unexpected(storage_error("cannot make a link to", directory));
  }
  Descriptor ours(sockets[0]);
  const Descriptor theirs(sockets[1]);
  const std::string log_file = directory + "/mosquitto.log";
  const Descriptor log(open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log.valid()) return tl::unexpected(storage_error("cannot write", log_file));

  std::vector<std::string> arguments{settings.mosquitto, "-c", directory + "/mosquitto.conf"};
  std::vector<std::string> environment = hub_environment(settings.plugin);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return tl::unexpected(storage_error("cannot start", settings.mosquitto));
  if (child == 0) {
    become_hub(parent, theirs.get(), log.get(), settings.mosquitto.c_str(), argument_pointers.data(),
               environment_pointers.data());
  }
  return HubProcess{.pid = child, .link = std::move(ours)};
}

}  // namespace iotc_ha::lizard
