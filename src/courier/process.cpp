#include "process.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

extern "C" {  // the header says so itself only from glibc 2.37 on
#include <sys/pidfd.h>
}

namespace iotc_ha::courier {
namespace {

using core::Fault;

/// Where the program and the socket stand in the new process. It gets nothing else of ours: Paho's sockets are not
/// closed at exec, and one that lived on in there would keep a connection open that we have closed.
constexpr int k_program_fd = 3;
constexpr const char* k_program_path = "/proc/self/fd/3";

constexpr std::chrono::milliseconds k_patience{500};

class Spawning {
 public:
  Spawning(int program, int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    note(posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO));
    note(posix_spawn_file_actions_adddup2(&actions_, program, k_program_fd));
    note(posix_spawn_file_actions_addclosefrom_np(&actions_, k_program_fd + 1));
    sigset_t none;
    sigemptyset(&none);
    note(posix_spawnattr_setsigmask(&attributes_, &none));  // the loop blocks what it reads by a descriptor
    note(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK));
  }
  ~Spawning() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  /// The error's number, 0 when all is well.
  [[nodiscard]] int spawn(pid_t& pid) {
    std::string name = "iotc-ha-dps";
    const std::array<char*, 2> arguments{name.data(), nullptr};
    if (trouble_ == 0) note(posix_spawn(&pid, k_program_path, &actions_, &attributes_, arguments.data(), environ));
    return trouble_;
  }

 private:
  void note(int result) {
    if (trouble_ == 0) trouble_ = result;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int trouble_ = 0;
};

tl::unexpected<core::Error> cannot_start(int error_number) {
  return core::fail(Fault::Busy,
                    "cannot start iotc-ha-dps, which asks DPS: " + std::system_category().message(error_number));
}

std::string how_it_ended(const siginfo_t& end) {
  if (end.si_code == CLD_EXITED) return "ended with status " + std::to_string(end.si_status);
  return "was ended by signal " + std::to_string(end.si_status);
}

}  // namespace

core::Result<std::unique_ptr<Process>> Process::start(runtime::Loop& loop, const Program& program, Listener& listener) {
  auto sockets = Socket::make_pair();
  pid_t pid = -1;
  if (const int trouble = Spawning(program.fd(), sockets.theirs.fd()).spawn(pid); trouble != 0) {
    return cannot_start(trouble);
  }
  const int pid_fd = pidfd_open(pid, 0);
  if (pid_fd < 0) {
    const int trouble = errno;
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return cannot_start(trouble);
  }
  return std::unique_ptr<Process>(new Process(loop, std::move(sockets.ours), pid_fd, listener));
}

Process::Process(runtime::Loop& loop, Socket socket, int pid_fd, Listener& listener)
    : loop_(loop),
      listener_(listener),
      socket_(std::move(socket)),
      pid_fd_(pid_fd),
      farewell_(loop.make_timer([this] { kill(); })),
      mail_watch_(loop.attach(mail_)),
      death_watch_(loop.attach(death_)) {}

Process::~Process() {
  death_watch_.reset();
  mail_watch_.reset();
  pidfd_send_signal(pid_fd_, SIGKILL, nullptr, 0);
  // It is gone at once, unless it hangs in the kernel, on a disk say; then it is left to init.
  pollfd dead{pid_fd_, POLLIN, 0};
  poll(&dead, 1, static_cast<int>(k_patience.count()));
  siginfo_t end{};
  waitid(P_PIDFD, static_cast<id_t>(pid_fd_), &end, WEXITED | WNOHANG);
  close(pid_fd_);
}

void Process::dismiss() {
  if (dismissed_) return;
  dismissed_ = true;
  socket_.finish();
  farewell_->arm(loop_.now() + k_farewell);
}

void Process::kill() {
  dismiss();
  pidfd_send_signal(pid_fd_, SIGKILL, nullptr, 0);
}

runtime::Loop::Pollable::Wanted Process::Mail::wanted() {
  return process_.dismissed_ ? Wanted{} : Wanted{process_.socket_.fd(), EPOLLIN};
}

runtime::Loop::Pollable::Wanted Process::Death::wanted() { return {process_.pid_fd_, EPOLLIN}; }

/// One message a call: the listener may destroy us.
void Process::take_mail() {
  using What = Socket::Received::What;
  const Socket::Received received = socket_.receive();
  switch (received.what) {
    case What::NothingNow: return;
    case What::Message: return listener_.on_message(*this, received.message);
    case What::TooLarge: return kill();
    case What::Over: return dismiss();
  }
}

void Process::bury() {
  // What it said last is delivered first.
  if (!dismissed_ && socket_.has_message()) return;
  siginfo_t end{};
  if (waitid(P_PIDFD, static_cast<id_t>(pid_fd_), &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0) return;
  listener_.on_end(*this, how_it_ended(end));
}

}  // namespace iotc_ha::courier
