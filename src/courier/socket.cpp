#include <iotc_ha/courier/socket.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace iotc_ha::courier {

core::Result<Socket::Pair> Socket::make_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return core::fail(core::Fault::Busy,
                      "no sockets to speak to iotc-ha-dps: " + std::system_category().message(errno));
  }
  return Pair{Socket(ends[0]), Socket(ends[1])};
}

bool Socket::send(const std::string& message) const {
  return ::send(fd(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

void Socket::finish() const { shutdown(fd(), SHUT_RDWR); }

Socket::Received Socket::receive() const {
  using What = Received::What;
  const ssize_t length = recv(fd(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  if (length < 0) return {errno == EAGAIN || errno == EINTR ? What::NothingNow : What::Over};
  if (length == 0) return {What::Over};  // an empty message is never sent
  if (static_cast<std::size_t>(length) > k_message_bytes_max) return {What::TooLarge};
  Received received{What::Message, std::string(static_cast<std::size_t>(length), '\0')};
  if (recv(fd(), received.message.data(), received.message.size(), MSG_DONTWAIT) != length) return {What::Over};
  return received;
}

}  // namespace iotc_ha::courier
