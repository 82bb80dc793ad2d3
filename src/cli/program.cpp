#include "program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace iotc_ha::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view k_our_variables = "IOTC_HA_";

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

/// A file in memory: whoever does not read its input holds up nobody.
int new_file_with(const std::string& text) {
  const int file = memfd_create("input", MFD_CLOEXEC);
  std::size_t written = 0;
  while (file >= 0 && written < text.size()) {
    const ssize_t count = write(file, text.data() + written, text.size() - written);
    if (count < 0) return file;
    written += static_cast<std::size_t>(count);
  }
  if (file >= 0) lseek(file, 0, SEEK_SET);
  return file;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What we have inherited, but for what one of us has told a program that has started us.
std::vector<std::string> inherited_variables() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(k_our_variables)) variables.emplace_back(*variable);
  }
  return variables;
}

/// An errno, or 0.
int spawn(pid_t& pid, const std::string& file, const std::vector<std::string>& environment, int input, int output) {
  std::vector<std::string> arguments{file};
  std::vector<std::string> variables = inherited_variables();
  variables.insert(variables.end(), environment.begin(), environment.end());
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  sigset_t none{};
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const int failed =
      posix_spawn(&pid, file.c_str(), &actions, &attributes, pointers(arguments).data(), pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

/// Takes what can be read at once. False at the end.
bool drain(int output, std::string& into) {
  std::array<char, 65'536> bytes{};
  while (into.size() <= k_output_max) {
    const ssize_t count = read(output, bytes.data(), bytes.size());
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    into.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return true;
}

/// Until the program ends by itself; else why it must be killed.
std::optional<Ended::How> wait_for(int process, int output, int interrupt, Clock::time_point until, std::string& text) {
  std::array<pollfd, 3> ready{{{process, POLLIN, 0}, {interrupt, POLLIN, 0}, {output, POLLIN, 0}}};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Ended::How::Late;
    poll(ready.data(), ready.size(), static_cast<int>(left.count()));
    if (ready[1].revents != 0) return Ended::How::Interrupted;
    if (!drain(output, text)) ready[2].fd = -1;  // it has closed its output and is not done yet
    if (text.size() > k_output_max) return Ended::How::TooMuch;
    if (ready[0].revents != 0) return std::nullopt;
  }
}

/// How a child ended, as waitpid(2) has it, or an errno.
tl::expected<int, int> reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return tl::unexpected(errno);
  }
  return status;
}

}  // namespace

tl::expected<std::string, std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return tl::unexpected(std::generic_category().message(errno));
  }
  const char* path = getenv("PATH");  // NOLINT(concurrency-mt-unsafe): there is one thread
  std::string folders = path == nullptr ? "/usr/bin:/bin" : path;
  folders += ':';
  for (std::size_t from = 0, to = 0; (to = folders.find(':', from)) != std::string::npos; from = to + 1) {
    std::string file = folders.substr(from, to - from).append("/").append(name);
    if (to > from && !name.empty() && access(file.c_str(), X_OK) == 0) return file;
  }
  return tl::unexpected(std::string("not found in PATH"));
}

Ended run_program(const std::string& file, const std::vector<std::string>& environment, const std::string& input,
                  std::chrono::milliseconds timeout, int interrupt) {
  const Descriptor stdin_of(new_file_with(input));
  std::array<int, 2> ends{-1, -1};
  if (stdin_of.number() < 0 || pipe2(ends.data(), O_CLOEXEC) != 0) return {Ended::How::NotStarted, errno, ""};
  const Descriptor output(ends[0]);
  fcntl(output.number(), F_SETFL, O_NONBLOCK);
  pid_t pid = -1;
  {
    const Descriptor stdout_of(ends[1]);
    if (const int failed = spawn(pid, file, environment, stdin_of.number(), stdout_of.number()); failed != 0) {
      return {Ended::How::NotStarted, failed, ""};
    }
  }
  // Not pidfd_open(): the header of glibc 2.36 is for C only.
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int unwatched = process.number() < 0 ? errno : 0;
  Ended ended{Ended::How::Exited, 0, ""};
  std::optional<Ended::How> cut_short = Ended::How::NotWatched;
  if (unwatched == 0) {
    cut_short = wait_for(process.number(), output.number(), interrupt, Clock::now() + timeout, ended.output);
  }
  if (cut_short) kill(-pid, SIGKILL);
  const tl::expected<int, int> status = reap(pid);
  if (cut_short) {
    ended.how = *cut_short;
    ended.status = unwatched;
  } else if (!status) {
    ended.how = Ended::How::Lost;
    ended.status = status.error();
  } else if (WIFSIGNALED(*status)) {
    ended.how = Ended::How::Killed;
    ended.status = WTERMSIG(*status);
  } else {
    drain(output.number(), ended.output);
    ended.status = WEXITSTATUS(*status);
  }
  return ended;
}

}  // namespace iotc_ha::cli
