#include "hub_link.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace iotc_ha::lizard {
namespace {

/// A stopped hub reads nothing; what is meant for it is thrown away with its process.
constexpr std::size_t k_outgoing_bytes_max = 32UL * 1024 * 1024;

void signal_event(int fd) {
  const std::uint64_t one = 1;
  // Fails only when the counter is at its limit, and then the reader is awake anyway.
  [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);
}

}  // namespace

HubLink::HubLink(Descriptor socket, Receive receive)
    : socket_(std::move(socket)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      receive_(std::move(receive)),
      thread_([this] { run(); }) {}

HubLink::~HubLink() {
  stop_ = true;
  signal_event(wake_.get());
  thread_.join();
}

bool HubLink::send(const Frame& frame) {
  const std::lock_guard lock(mutex_);
  const std::string bytes = encode(frame);
  if (closed_ || outgoing_.size() + bytes.size() > k_outgoing_bytes_max) return false;
  outgoing_ += bytes;
  if (!flush_locked()) return false;
  if (!outgoing_.empty()) signal_event(wake_.get());
  return true;
}

void HubLink::wait_until_closed(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  closed_changed_.wait_for(lock, limit, [this] { return over_; });
}

bool HubLink::flush_locked() {
  while (!outgoing_.empty()) {
    const ssize_t count = ::send(socket_.get(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      outgoing_.erase(0, static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      closed_ = true;
      outgoing_.clear();
    }
  }
  return !closed_;
}

void HubLink::read_frames() {
  std::array<char, 65536> bytes{};
  const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count > 0) {
    reader_.append(bytes.data(), static_cast<std::size_t>(count));
    while (const auto frame = reader_.next()) receive_(*frame);
  }
  const bool over = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) || reader_.broken();
  if (!over) return;
  const std::lock_guard lock(mutex_);
  closed_ = over_ = true;
  outgoing_.clear();
  closed_changed_.notify_all();
}

void HubLink::run() {
  while (!stop_) {
    std::array<pollfd, 2> either{
        {{.fd = wake_.get(), .events = POLLIN, .revents = 0}, {.fd = socket_.get(), .events = POLLIN, .revents = 0}}};
    {
      const std::lock_guard lock(mutex_);
      if (over_) either[1].fd = -1;  // waits for the destructor
      if (!outgoing_.empty()) either[1].events = POLLIN | POLLOUT;
    }
    if (poll(either.data(), either.size(), -1) < 0) continue;
    if (either[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t size = read(wake_.get(), &count, sizeof count);
    }
    if ((either[1].revents & POLLOUT) != 0) {
      const std::lock_guard lock(mutex_);
      flush_locked();
    }
    if ((either[1].revents & ~POLLOUT) != 0) read_frames();
  }
}

}  // namespace iotc_ha::lizard
