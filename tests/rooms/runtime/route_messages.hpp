#pragma once

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace iotc_ha::runtime {

/// A message of rtnetlink, as the kernel sends it and takes it.
class RouteMessage {
 public:
  template <typename Head>
  RouteMessage(std::uint16_t type, unsigned flags, const Head& head) {
    nlmsghdr first{};
    first.nlmsg_type = type;
    first.nlmsg_flags = static_cast<std::uint16_t>(flags);
    append(&first, sizeof first);
    append(&head, sizeof head);
  }
  RouteMessage& with(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr head{static_cast<std::uint16_t>(sizeof(rtattr) + size), type};
    append(&head, sizeof head);
    append(data, size);
    return *this;
  }
  RouteMessage& with(std::uint16_t type, unsigned number) { return with(type, &number, sizeof number); }
  /// An address of IPv4 or IPv6.
  RouteMessage& with(std::uint16_t type, const std::string& address) {
    std::byte bytes[sizeof(in6_addr)];
    const bool six = address.find(':') != std::string::npos;
    if (inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), bytes) != 1) throw std::invalid_argument(address);
    return with(type, bytes, six ? sizeof(in6_addr) : sizeof(in_addr));
  }
  RouteMessage& to(std::uint32_t port) {
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_pid), &port, sizeof port);
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    bytes_.resize((bytes_.size() + 3) / 4 * 4);
  }
  std::vector<std::byte> bytes_;
};

inline RouteMessage address_message(std::uint16_t type, unsigned link, const std::string& address, unsigned flags = 0,
                                    unsigned request = 0, unsigned char scope = RT_SCOPE_UNIVERSE) {
  ifaddrmsg head{};
  head.ifa_family = address.find(':') != std::string::npos ? AF_INET6 : AF_INET;
  head.ifa_prefixlen = 24;
  head.ifa_flags = static_cast<unsigned char>(flags);
  head.ifa_scope = scope;
  head.ifa_index = link;
  RouteMessage message(type, request, head);
  if (head.ifa_family == AF_INET) message.with(IFA_LOCAL, address);
  return message.with(IFA_ADDRESS, address);
}

struct RouteFields {
  std::string to;  ///< "" for everywhere
  std::string gateway;
  unsigned link = 1;
  unsigned char protocol = RTPROT_STATIC;
  unsigned char table = RT_TABLE_MAIN;
  unsigned char type = RTN_UNICAST;
  unsigned flags = 0;
};
inline RouteMessage route_message(std::uint16_t type, const RouteFields& fields, unsigned request = 0) {
  rtmsg head{};
  head.rtm_family = AF_INET;
  head.rtm_dst_len = fields.to.empty() ? 0 : 24;
  head.rtm_table = fields.table;
  head.rtm_protocol = fields.protocol;
  head.rtm_scope = fields.gateway.empty() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  head.rtm_type = fields.type;
  head.rtm_flags = fields.flags;
  RouteMessage message(type, request, head);
  if (!fields.to.empty()) message.with(RTA_DST, fields.to);
  if (!fields.gateway.empty()) message.with(RTA_GATEWAY, fields.gateway);
  return message.with(RTA_OIF, fields.link);
}

inline RouteMessage link_message(std::uint16_t type, unsigned link, unsigned flags, unsigned request = 0) {
  ifinfomsg head{};
  head.ifi_family = AF_UNSPEC;
  head.ifi_index = static_cast<int>(link);
  head.ifi_flags = flags;
  head.ifi_change = IFF_UP;
  return {type, request, head};
}

/// Tells the kernel, as ip(8) does, about the network namespace that its thread was in when it was made.
class RouteCommands {
 public:
  RouteCommands() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "rtnetlink");
  }
  ~RouteCommands() { close(fd_); }
  RouteCommands(const RouteCommands&) = delete;
  RouteCommands& operator=(const RouteCommands&) = delete;

  /// Done when it returns.
  void operator()(const RouteMessage& message) const {
    const auto bytes = message.bytes();
    if (send(fd_, bytes.data(), bytes.size(), 0) < 0) throw std::system_error(errno, std::generic_category(), "send");
    struct {
      nlmsghdr head;
      nlmsgerr error;
      std::byte rest[4096];
    } answer{};
    if (recv(fd_, &answer, sizeof answer, 0) < 0) throw std::system_error(errno, std::generic_category(), "recv");
    if (answer.error.error != 0) {
      throw std::system_error(-answer.error.error, std::generic_category(), "the kernel refuses");
    }
  }
  static constexpr unsigned k_add = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  static constexpr unsigned k_replace = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  static constexpr unsigned k_do = NLM_F_REQUEST | NLM_F_ACK;

 private:
  const int fd_;
};

}  // namespace iotc_ha::runtime
