#include "running_lizard.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace iotc_ha::lizard::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Starts the program; standard output and error go to the given descriptors.
pid_t start(const std::vector<std::string>& arguments, int out, int err) {
  std::vector<std::string> all{IOTC_HA_LIZARD_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot start " << pointers[0];
  return pid;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 0; (count = read(fd, bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

bool eventually(const std::function<bool()>& condition, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

Finished run_lizard(const std::vector<std::string>& arguments) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
  const pid_t pid = start(arguments, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  Finished finished;
  std::thread errors([&] { finished.err = read_all(err[0]); });
  finished.out = read_all(out[0]);
  errors.join();
  close(out[0]);
  close(err[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "lizard-XXXXXX").string();
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

RunningLizard::RunningLizard(std::vector<std::string> options) {
  options.insert(options.begin(), {"run", "--state-dir", state_.path(), "--network", network(), "--dps-port", "8443"});
  const std::string log = state_.path() + "/run.log";
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  pid_ = start(options, file, file);
  close(file);
  const bool ready = eventually([&] {
    const Finished status = run_lizard({"status", "--json", "--state-dir", state_.path()});
    if (status.status != 0) return false;
    facts_ = json::parse(status.out);
    return facts_.value("ready", false);
  });
  EXPECT_TRUE(ready) << "the lizard does not start; see " << log;
}

RunningLizard::~RunningLizard() {
  if (pid_ != 0) stop(SIGTERM);
}

milliseconds RunningLizard::stop(int signal) {
  const auto before = steady_clock::now();
  kill(pid_, signal);
  int status = 0;
  EXPECT_TRUE(eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; })) << "the lizard does not end";
  pid_ = 0;
  const bool well = signal == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::ostringstream log;
  log << std::ifstream(state_.path() + "/run.log").rdbuf();
  EXPECT_TRUE(well) << "the lizard ended with status " << status << " and this log:\n" << log.str();
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - before);
}

std::vector<json> RunningLizard::lines_of(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"--json", "--state-dir", state_.path()});
  const Finished finished = run_lizard(arguments);
  EXPECT_EQ(finished.status, 0) << arguments[0] << ": " << finished.out << finished.err;
  std::vector<json> lines;
  std::istringstream text(finished.out);
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

json RunningLizard::ask(std::vector<std::string> arguments) const {
  const std::vector<json> lines = lines_of(std::move(arguments));
  EXPECT_EQ(lines.size(), 1U);
  return lines.empty() ? json() : lines.front();
}

std::string RunningLizard::error_of(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"--json", "--state-dir", state_.path()});
  const Finished finished = run_lizard(arguments);
  EXPECT_EQ(finished.status, 1) << finished.out;
  return json::parse(finished.out).at("error");
}

json RunningLizard::hub(const std::string& name) const {
  const json status = ask({"status"});
  for (const json& hub : status["hubs"]) {
    if (hub["name"] == name) return hub;
  }
  ADD_FAILURE() << "no hub " << name;
  return {};
}

json RunningLizard::device(const std::string& id) const {
  const json status = ask({"status"});
  for (const json& device : status["devices"]) {
    if (device["id"] == id) return device;
  }
  return {};
}

bool RunningLizard::happened(const std::string& event, const std::string& device) const {
  for (const json& line : lines_of({"events"})) {
    if (line["event"] == event && (device.empty() || line["device"] == device)) return true;
  }
  return false;
}

}  // namespace iotc_ha::lizard::test
