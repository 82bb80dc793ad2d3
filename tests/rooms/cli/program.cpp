#include "program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace iotc_ha::cli {
namespace {

void require(bool well, const char* what) {
  if (!well) throw std::system_error(errno, std::generic_category(), what);
}

std::array<int, 2> new_pipe() {
  std::array<int, 2> ends{};
  require(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
  return ends;
}

}  // namespace

Program::Program(std::vector<std::string> command) {
  std::signal(SIGPIPE, SIG_IGN);  // it may end without reading all that we write
  command.insert(command.begin(), {"setpriv", "--pdeathsig", "KILL", "--"});
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);

  errors_ = (std::filesystem::temp_directory_path() / "iotc-hactl-errors-XXXXXX").string();
  const int errors = mkostemp(errors_.data(), O_CLOEXEC);
  require(errors >= 0, "mkostemp");
  const auto input = new_pipe();
  const auto output = new_pipe();
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  sigset_t usual{};
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int failed = posix_spawnp(&pid_, "setpriv", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  close(errors);
  input_ = input[1];
  output_ = output[0];
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "posix_spawn");
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close_input();
  close(output_);
  std::filesystem::remove(errors_);
}

void Program::write(const std::string& text) const {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(input_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EPIPE) return;
    require(count > 0, "write");
    written += static_cast<std::size_t>(count);
  }
}

void Program::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

void Program::signal(int number) const { kill(pid_, number); }

bool Program::read_some() {
  pollfd readable{output_, POLLIN, 0};
  const auto limit = std::chrono::milliseconds(bus::k_deadline).count();
  if (poll(&readable, 1, static_cast<int>(limit)) <= 0) return false;
  std::array<char, 65'536> bytes{};
  const ssize_t count = read(output_, bytes.data(), bytes.size());
  if (count > 0) read_.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0;
}

std::optional<std::string> Program::line() {
  while (read_.find('\n') == std::string::npos) {
    if (!read_some()) return std::nullopt;
  }
  const std::size_t end = read_.find('\n');
  std::string line = read_.substr(0, end);
  read_.erase(0, end + 1);
  return line;
}

Program::End Program::end() {
  close_input();
  while (read_some()) {
  }
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_, bus::read_file(errors_)};
}

std::vector<std::string> hactl(const std::string& address, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{IOTC_HACTL, "--bus", address};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Program::End run(const std::string& address, const std::vector<std::string>& arguments, const std::string& input) {
  Program program(hactl(address, arguments));
  program.write(input);
  return program.end();
}

}  // namespace iotc_ha::cli
