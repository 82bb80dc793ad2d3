#include "control.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace iotc_ha::lizard {
namespace {

constexpr std::size_t k_request_bytes_max = 32UL << 20U;
constexpr std::size_t k_conversations_max = 64;
constexpr int k_request_timeout_ms = 5000;

bool fill_address(sockaddr_un& address, const std::string& path) {
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

core::Error path_too_long(const std::string& path) {
  return {core::Fault::BadConfiguration, "the path of the control socket is too long: " + path};
}

/// The first line that comes, "" when none comes in time.
std::string read_request(int socket) {
  std::string text;
  std::array<char, 4096> bytes{};
  while (text.size() <= k_request_bytes_max) {
    pollfd readable{.fd = socket, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, k_request_timeout_ms) <= 0) return {};
    const ssize_t count = recv(socket, bytes.data(), bytes.size(), 0);
    if (count <= 0) return {};
    text.append(bytes.data(), static_cast<std::size_t>(count));
    if (const std::size_t end = text.find('\n'); end != std::string::npos) return text.substr(0, end);
  }
  return {};
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

class SocketReply : public Reply {
 public:
  explicit SocketReply(int socket) : socket_(socket) {}

  bool line(std::string_view text) override {
    if (!gone_) gone_ = !send_all(socket_, std::string(text) + "\n");
    return !gone_;
  }
  [[nodiscard]] bool asker_is_gone() const override {
    pollfd hung{.fd = socket_, .events = POLLRDHUP, .revents = 0};
    return gone_ || poll(&hung, 1, 0) > 0;
  }

 private:
  int socket_;
  bool gone_ = false;
};

}  // namespace

std::string control_path(const std::string& state_dir) { return state_dir + "/control"; }

core::Result<void> ControlServer::open(const std::string& path) {
  sockaddr_un address{};
  if (!fill_address(address, path)) return tl::unexpected(path_too_long(path));
  unlink(path.c_str());  // left by a lizard that was killed: the state directory's lock is ours
  listener_ = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener_.valid() || bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(listener_.get(), 16) != 0) {
    return tl::unexpected(storage_error("cannot listen on", path));
  }
  path_ = path;
  wake_ = Descriptor(eventfd(0, EFD_CLOEXEC));
  thread_ = std::thread([this] { run(); });
  return {};
}

ControlServer::~ControlServer() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);  // an eventfd at 0 takes a 1
  thread_.join();
  for (Conversation& conversation : conversations_) {
    shutdown(conversation.socket.get(), SHUT_RDWR);  // ends those that follow
    conversation.thread.join();
  }
  unlink(path_.c_str());
}

void ControlServer::run() {
  while (true) {
    std::array<pollfd, 2> either{
        {{.fd = wake_.get(), .events = POLLIN, .revents = 0}, {.fd = listener_.get(), .events = POLLIN, .revents = 0}}};
    if (poll(either.data(), either.size(), -1) < 0) continue;
    if (either[0].revents != 0) return;
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) continue;
    const std::lock_guard lock(mutex_);
    std::erase_if(conversations_, [](Conversation& conversation) {
      if (conversation.over) conversation.thread.join();
      return conversation.over;
    });
    if (conversations_.size() >= k_conversations_max) {
      SocketReply(socket.get()).line(R"({"error":"too many commands at once"})");
      continue;
    }
    Conversation& conversation = conversations_.emplace_back();
    conversation.socket = std::move(socket);
    conversation.thread = std::thread([this, &conversation] { converse(conversation); });
  }
}

void ControlServer::converse(Conversation& conversation) {
  const std::string request = read_request(conversation.socket.get());
  SocketReply reply(conversation.socket.get());
  answer_(request, reply);
  shutdown(conversation.socket.get(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  conversation.over = true;
}

core::Result<void> ask(const std::string& state_dir, const std::string& request,
                       const std::function<bool(const std::string&)>& line) {
  const std::string path = control_path(state_dir);
  sockaddr_un address{};
  if (!fill_address(address, path)) return tl::unexpected(path_too_long(path));
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return tl::unexpected(storage_error("cannot make a socket for", path));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES) return tl::unexpected(storage_error("may not talk to the lizard at", path));
    return core::fail(core::Fault::Unreachable,
                      "no lizard runs with the state directory " + state_dir + "; start one with 'iotc-ha-lizard run'");
  }
  if (!send_all(socket.get(), request + "\n")) return tl::unexpected(storage_error("cannot ask the lizard at", path));
  std::string text;
  std::array<char, 65536> bytes{};
  while (true) {
    const ssize_t count = recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(storage_error("cannot hear the lizard at", path));
    if (count == 0) return {};
    text.append(bytes.data(), static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
      if (!line(text.substr(start, end - start))) return {};
      start = end + 1;
    }
    text.erase(0, start);
  }
}

}  // namespace iotc_ha::lizard
