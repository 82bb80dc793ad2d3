#include "passage.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

/// The opening of a tunnel.
namespace iotc_ha::hub {
namespace {

using core::Error;
using core::Fault;

std::string system_text(int error) { return std::system_category().message(error); }

/// 16 random bytes in base64 (RFC 6455, 4.1). Empty without randomness.
std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  std::array<unsigned char, 25> text{};
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

}  // namespace

std::string Tunnel::Passage::whom() const { return authority_of(way_.host, way_.port); }

Tunnel::Passage::Step Tunnel::Passage::open() {
  deadline_ = Clock::now() + way_.timeout;
  if (auto error = connect_tcp()) return error;
  if (way_.proxy) {
    if (auto error = pass_proxy()) return error;
  }
  if (auto error = start_tls()) return error;
  return way_.websocket ? upgrade() : std::nullopt;
}

/// Until the peer's socket is ready for `events`.
Tunnel::Passage::Step Tunnel::Passage::wait(short events, const std::string& for_what) {
  while (!shared_.ending) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0) return Error{Fault::TimedOut, "no answer in time: " + for_what, {}};
    std::array<pollfd, 2> both{pollfd{peer_->get(), events, 0}, pollfd{shared_.bell.get(), POLLIN, 0}};
    if (poll(both.data(), both.size(), static_cast<int>(left.count())) > 0 && both[0].revents != 0) return std::nullopt;
  }
  return Error{Fault::Cancelled, "given up", {}};
}

Tunnel::Passage::Step Tunnel::Passage::connect_tcp() {
  const std::string to = way_.proxy ? "the proxy " + authority_of(way_.proxy->host, way_.proxy->port) : whom();
  const std::string port = std::to_string(way_.proxy ? way_.proxy->port : way_.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(way_.address.c_str(), port.c_str(), &hints, &found) != 0) {
    return Error{Fault::NameNotResolved, way_.address + " is no address of " + to, {}};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  peer_.emplace(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const int fd = peer_->get();
  if (fd < 0) return Error{Fault::Busy, "no socket for " + to + ": " + system_text(errno), {}};
  const int on = 1;
  const auto user_timeout = static_cast<unsigned>(way_.user_timeout.count());
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  int error = connect(fd, found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
  if (error == EINPROGRESS) {
    if (auto late = wait(POLLOUT, "the connect to " + to)) return late;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  }
  if (error == 0) return std::nullopt;
  return Error{error == ETIMEDOUT ? Fault::TimedOut : Fault::Unreachable,
               "could not connect to " + to + ": " + system_text(error),
               {}};
}

Tunnel::Passage::Step Tunnel::Passage::pass_proxy() {
  const std::string proxy = "the proxy " + authority_of(way_.proxy->host, way_.proxy->port);
  std::string request = connect_request(whom(), *way_.proxy);
  std::string answer;
  while (true) {
    // Every refusal is one of the network: another door may be open, or the same one later.
    const auto refused = [&](std::string what) {
      return Error{Fault::Unreachable, std::move(what.insert(0, proxy + ' ')), {}};
    };
    const bool asking = !request.empty();
    if (auto late = wait(asking ? POLLOUT : POLLIN, "CONNECT to " + proxy)) return late;
    std::array<char, 4096> bytes{};
    const ssize_t count = asking ? send(peer_->get(), request.data(), request.size(), MSG_NOSIGNAL)
                                 : recv(peer_->get(), bytes.data(), bytes.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) return refused("broke off: " + system_text(errno));
    if (asking) {
      request.erase(0, static_cast<std::size_t>(count));
      continue;
    }
    if (count == 0) return refused("closed the connection instead of answering CONNECT");
    answer.append(bytes.data(), static_cast<std::size_t>(count));
    const auto head = read_head(answer);
    if (!head) return refused("sent " + head.error().what);
    if (!*head) continue;
    if ((*head)->status / 100 != 2) {
      return refused("answered " + std::to_string((*head)->status) + ' ' + (*head)->reason + " to CONNECT " + whom());
    }
    // The server does not speak before we have.
    if ((*head)->size != answer.size()) return refused("sent more than an answer to CONNECT");
    return std::nullopt;
  }
}

Tunnel::Passage::Step Tunnel::Passage::start_tls() {
  const std::string& host = way_.host;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  auto made =
      TlsStream::make(peer_->get(), bracketed ? host.substr(1, host.size() - 2) : host, way_.port, way_.ca_file);
  if (!made) return made.error();
  tls_ = *std::move(made);
  while (true) {
    const auto outcome = tls_->handshake();
    if (outcome == TlsStream::Outcome::Done) return std::nullopt;
    if (outcome == TlsStream::Outcome::Over) {
      const Error& trouble = tls_->trouble();
      if (trouble.fault == Fault::TlsRefused)
        return Error{trouble.fault, "no TLS with " + whom() + ": " + trouble.what, {}};
      return Error{trouble.fault,
                   whom() + " broke off the TLS handshake" + (trouble.what.empty() ? "" : ": " + trouble.what),
                   {}};
    }
    if (auto late = wait(outcome == TlsStream::Outcome::WantsRead ? POLLIN : POLLOUT, "TLS with " + whom()))
      return late;
  }
}

Tunnel::Passage::Step Tunnel::Passage::upgrade() {
  const std::string key = random_key();
  if (key.empty()) return Error{Fault::Busy, "no random numbers for the WebSocket", {}};
  std::string request = upgrade_request(whom(), key);
  std::string answer;
  while (true) {
    const auto outcome = request.empty() ? tls_->read(answer) : tls_->write(request);
    if (outcome == TlsStream::Outcome::Over) {
      const std::string& why = tls_->trouble().what;
      return Error{Fault::Unreachable,
                   whom() + " closed the connection instead of upgrading it" + (why.empty() ? "" : ": " + why),
                   {}};
    }
    if (outcome != TlsStream::Outcome::Done) {
      const bool reading = outcome == TlsStream::Outcome::WantsRead;
      if (auto late = wait(reading ? POLLIN : POLLOUT, "the upgrade to a WebSocket at " + whom())) return late;
      continue;
    }
    const auto head = read_head(answer);
    if (!head) return Error{Fault::HubProtocol, whom() + " sent " + head.error().what, {}};
    if (!*head) continue;
    // TLS is in order, so that it is the service that refuses, and nobody on the way to it.
    if ((*head)->status != 101) {
      return Error{Fault::HubUnavailable,
                   whom() + " answered the upgrade to a WebSocket with " + std::to_string((*head)->status) + ' ' +
                       (*head)->reason,
                   {}};
    }
    if (!(*head)->is_websocket || (*head)->accept != websocket::accept_for(key) || (*head)->protocol != "mqtt") {
      return Error{Fault::HubProtocol, whom() + " upgraded to something else than MQTT in a WebSocket", {}};
    }
    take_in(answer.substr((*head)->size));
    return std::nullopt;
  }
}

}  // namespace iotc_ha::hub
