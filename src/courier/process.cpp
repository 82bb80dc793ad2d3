#include "process.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <system_error>
#include <utility>

namespace iotc_ha::courier {
namespace {

using namespace std::chrono_literals;
using core::Fault;

/// Where the program and the socket stand in the new process. It gets nothing else of ours: Paho's sockets are not
/// closed at exec, and one that lived on in there would keep a connection open that we have closed.
constexpr int k_program_fd = 3;
constexpr const char* k_program_path = "/proc/self/fd/3";

constexpr std::chrono::milliseconds k_patience = 500ms;
constexpr std::chrono::milliseconds k_look_at_least = 1s;

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

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

core::Result<std::unique_ptr<Process>> Process::start(runtime::Loop& loop, const Program& program, Listener& listener) {
  auto sockets = Socket::make_pair();
  if (!sockets) return tl::unexpected(std::move(sockets.error()));
  pid_t pid = -1;
  if (const int trouble = Spawning(program.fd(), sockets->theirs.fd()).spawn(pid); trouble != 0) {
    return core::fail(Fault::Busy,
                      "cannot start iotc-ha-dps, which asks DPS: " + std::system_category().message(trouble));
  }
  return std::unique_ptr<Process>(new Process(loop, std::move(sockets->ours), pid, listener));
}

Process::Process(runtime::Loop& loop, Socket socket, pid_t pid, Listener& listener)
    : loop_(loop),
      listener_(listener),
      socket_(std::move(socket)),
      pid_(pid),
      look_(loop.make_timer([this] { look_whether_it_has_ended(); })),
      mail_watch_(loop.attach(mail_)) {}

Process::~Process() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  // It is gone at once, unless it hangs in the kernel, on a disk say; then it is left to init.
  for (auto left = k_patience; left > 0ms && waitpid(pid_, nullptr, WNOHANG) == 0; left -= 1ms) poll(nullptr, 0, 1);
}

void Process::dismiss() {
  if (dismissed_) return;
  dismissed_ = true;
  socket_.finish();
  killed_from_ = loop_.now() + k_farewell;
  look_->arm(loop_.now());
}

void Process::kill() {
  dismiss();
  killed_from_ = loop_.now();
  if (pid_ != 0) ::kill(pid_, SIGKILL);
}

runtime::Loop::Pollable::Wanted Process::Mail::wanted() {
  return process_.dismissed_ ? Wanted{} : Wanted{process_.socket_.fd(), EPOLLIN};
}

void Process::take_mail() {
  using What = Socket::Received::What;
  const Socket::Received received = socket_.receive();
  switch (received.what) {
    case What::NothingNow: return;
    case What::Message: return listener_.on_message(*this, received.message);
    case What::TooLarge: return kill();
    case What::Over: return dismiss();  // what it had said is read by now
  }
}

/// The socket tells of the end a little before the process may be buried, and nothing else needs to: so there is no
/// signal to be caught, and no pidfd, which the kernels of many boards do not have yet (Linux 5.4).
void Process::look_whether_it_has_ended() {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) {
    if (loop_.now() >= killed_from_) ::kill(pid_, SIGKILL);
    look_->arm(loop_.now() + next_look_);
    next_look_ = std::min(2 * next_look_, k_look_at_least);
    return;
  }
  pid_ = 0;
  listener_.on_end(*this, how_it_ended(status));
}

}  // namespace iotc_ha::courier
