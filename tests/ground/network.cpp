#include "network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace iotc_ha::ground {

Network::Network() {
  // 127.100.0.0 to 127.199.255.0, beginning at a place of our own so that neighbours seldom meet.
  constexpr std::uint32_t k_count = 100U * 256U;
  constexpr std::uint16_t k_mark_port = 9;  // "discard"; on the last address, where no hub ever is
  const auto begin = static_cast<std::uint32_t>(getpid());
  for (std::uint32_t i = 0; i < k_count; ++i) {
    const std::uint32_t number = (begin + i) % k_count;
    const std::uint32_t net = (127U << 24U) + (100U << 16U) + (number << 8U);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in mark{};
    mark.sin_family = AF_INET;
    mark.sin_port = htons(k_mark_port);
    mark.sin_addr.s_addr = htonl(net + 254U);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&mark), sizeof mark) == 0) {
      mark_ = fd;
      address_ = "127." + std::to_string(100U + (number >> 8U)) + "." + std::to_string(number & 0xFFU) + ".0";
      return;
    }
    close(fd);
  }
  throw std::runtime_error("no free network in 127.100.0.0 to 127.199.255.0");
}

Network::~Network() { close(mark_); }

}  // namespace iotc_ha::ground
