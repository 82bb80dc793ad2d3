#include "tunnel.hpp"

#include "passage.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {
namespace {

std::pair<int, int> socket_pair() {
  std::array<int, 2> ends{};
  // Not blocking, as Paho wants its sockets: that is a property of the socket itself, and comes along with it.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw std::system_error(errno, std::system_category(), "socketpair");
  }
  return {ends[0], ends[1]};
}

}  // namespace

Tunnel::Shared::Shared(Way its_way, int its_end)
    : way(std::move(its_way)), near(its_end), bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (bell.get() < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Tunnel::Tunnel(Way way) {
  const auto [paho, near] = socket_pair();
  stand_in_ = std::make_shared<StandIn>(paho);
  shared_ = std::make_shared<Shared>(std::move(way), near);
  static_cast<void>(thread_.post([shared = shared_] { Passage(*shared).run(); }));  // the first job is always taken
}

Tunnel::~Tunnel() {
  shared_->ending = true;
  eventfd_write(shared_->bell.get(), 1);
}

std::optional<Tunnel::End> Tunnel::end() const {
  if (!shared_->ended.load(std::memory_order_acquire)) return std::nullopt;
  return shared_->end;
}

void Tunnel::Passage::run() {
  // OpenSSL writes without MSG_NOSIGNAL.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  End end;
  if (auto error = open()) {
    end.error = *std::move(error);
  } else {
    pump();
    end = {true, {core::Fault::ConnectionLost, peer_over_.value_or(""), {}}};
  }
  shared_.end = std::move(end);
  shared_.ended.store(true, std::memory_order_release);
  shutdown(shared_.near.get(), SHUT_RDWR);  // only now, so that Paho finds out why
}

}  // namespace iotc_ha::hub
