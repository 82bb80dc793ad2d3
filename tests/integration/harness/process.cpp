#include "process.hpp"

#include "wait.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace iotc_ha::integration {
namespace {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void complain(const std::string& about) {
  throw std::runtime_error(about + ": " + std::generic_category().message(errno));
}

int open_for_output(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) complain(file);
  return fd;
}

pid_t spawn(const Command& command, int out, int err) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) complain("fork");
  if (pid > 0) return pid;
  // Only what is safe between fork and exec.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

int status_of(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }

std::string words(const Command& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

// ---- Process

Process::Process(Command command, const std::filesystem::path& output_prefix)
    : out_(output_prefix.string() + ".out"), err_(output_prefix.string() + ".err") {
  const Descriptor out(open_for_output(out_));
  const Descriptor err(open_for_output(err_));
  pid_ = spawn(command, out.get(), err.get());
}

Process::~Process() {
  kill(-pid_, SIGKILL);  // its children too; it may itself have ended before
  if (!status_) waitpid(pid_, nullptr, 0);
}

std::string Process::out() const { return read_file(out_); }
std::string Process::err() const { return read_file(err_); }

void Process::signal(int number) const {
  if (status_ || kill(pid_, number) != 0) throw std::runtime_error("no process is there for the signal");
}

std::optional<int> Process::wait(std::chrono::milliseconds patience) {
  if (status_) return status_;
  // Not pidfd_open(): its header in glibc 2.36 is not made for C++ (no extern "C").
  const Descriptor end(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (end.get() < 0) complain("pidfd_open");
  pollfd ended{end.get(), POLLIN, 0};
  if (poll(&ended, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
  int raw = 0;
  if (waitpid(pid_, &raw, 0) != pid_) complain("waitpid");
  return status_ = status_of(raw);
}

// ---- run

Outcome run(const Command& command, std::chrono::milliseconds patience) {
  std::array<int, 2> out_pipe{};
  std::array<int, 2> err_pipe{};
  if (pipe2(out_pipe.data(), O_CLOEXEC) != 0 || pipe2(err_pipe.data(), O_CLOEXEC) != 0) complain("pipe2");
  const Descriptor out(out_pipe[0]);
  const Descriptor err(err_pipe[0]);
  pid_t pid = -1;
  {
    const Descriptor out_end(out_pipe[1]);
    const Descriptor err_end(err_pipe[1]);
    pid = spawn(command, out_end.get(), err_end.get());
  }
  Outcome outcome;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::array<pollfd, 2> ends{pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0}};
  const std::array<std::string*, 2> texts{&outcome.out, &outcome.err};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(ends.data(), ends.size(), static_cast<int>(left.count())) == 0) {
      kill(-pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      throw std::runtime_error(words(command) + ": not finished within " + std::to_string(patience.count()) +
                               " ms; it had written: " + outcome.out + outcome.err);
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      std::array<char, 65536> bytes{};
      const ssize_t count = read(ends[i].fd, bytes.data(), bytes.size());
      if (count > 0) {
        texts[i]->append(bytes.data(), static_cast<std::size_t>(count));
      } else {
        ends[i].fd = -1;  // poll(2) leaves it out
      }
    }
  }
  int raw = 0;
  if (waitpid(pid, &raw, 0) != pid) complain("waitpid");
  outcome.status = status_of(raw);
  return outcome;
}

std::string run_well(const Command& command) {
  Outcome outcome = run(command);
  if (outcome.status != 0) {
    throw std::runtime_error(words(command) + ": status " + std::to_string(outcome.status) + "\n" + outcome.out +
                             outcome.err);
  }
  return std::move(outcome.out);
}

// ---- Files

std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::filesystem::path& file, const std::string& text, mode_t mode) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream || chmod(file.c_str(), mode) != 0) complain(file);
}

}  // namespace iotc_ha::integration
