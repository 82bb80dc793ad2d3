#include "network.hpp"

#include <arpa/inet.h>

namespace iotc_ha::lizard {
namespace {

std::string with_host(std::string_view network, std::size_t host) {
  return std::string(network.substr(0, network.rfind('.') + 1)) + std::to_string(host);
}

}  // namespace

core::Result<std::string> checked_network(std::string_view network) {
  const std::string text(network);
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) {
    return core::fail(core::Fault::BadConfiguration, "'" + text + "' is not an IPv4 network like 127.77.0.0");
  }
  const std::uint32_t number = ntohl(address.s_addr);
  if (number >> 24U != 127) {
    return core::fail(core::Fault::BadConfiguration,
                      "'" + text + "' is not within 127.0.0.0/8: the lizard lives on loopback addresses only");
  }
  if ((number & 0xFFU) != 0) {
    return core::fail(core::Fault::BadConfiguration, "'" + text + "' does not end in .0, as the network must");
  }
  return text;
}

std::string dps_address(std::string_view network) { return with_host(network, 1); }

std::string hub_address(std::string_view network, std::size_t index) { return with_host(network, 10 + index); }

std::string inner_address(std::string_view address) {
  constexpr std::size_t k_step = 100;  // more than there are hubs
  return with_host(address, k_step + std::stoul(std::string(address.substr(address.rfind('.') + 1))));
}

std::string hub_name(std::size_t index) {
  return std::string("hub-") + static_cast<char>('a' + static_cast<int>(index));
}

}  // namespace iotc_ha::lizard
