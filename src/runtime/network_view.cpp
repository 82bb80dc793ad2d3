#include "network_view.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace iotc_ha::runtime {
namespace {

using Bytes = std::span<const std::byte>;

template <typename T>
std::optional<T> front(Bytes bytes) {
  T value{};
  if (bytes.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string text(Bytes bytes) {
  std::string out(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

/// What follows a piece of `size` bytes, which is padded to a multiple of four as in all of netlink.
Bytes after(Bytes bytes, std::size_t size) {
  constexpr std::size_t k_align = 4;
  return bytes.subspan(std::min((size + k_align - 1) / k_align * k_align, bytes.size()));
}

/// The last attribute of that type; empty when there is none.
Bytes attribute(Bytes attributes, unsigned type) {
  Bytes found;
  while (const auto head = front<rtattr>(attributes)) {
    if (head->rta_len < sizeof(rtattr) || head->rta_len > attributes.size()) break;
    if ((head->rta_type & NLA_TYPE_MASK) == type)
      found = attributes.subspan(sizeof(rtattr), head->rta_len - sizeof(rtattr));
    attributes = after(attributes, head->rta_len);
  }
  return found;
}

bool is_ip(unsigned char family) { return family == AF_INET || family == AF_INET6; }

/// Nothing far away is reached from an address of a narrower scope (127.0.0.1, fe80::1).
bool reaches_far(const ifaddrmsg& head) { return is_ip(head.ifa_family) && head.ifa_scope < RT_SCOPE_LINK; }

std::string address_of(const ifaddrmsg& head, Bytes body) {
  const Bytes attributes = after(body, sizeof head);
  Bytes local = attribute(attributes, IFA_LOCAL);  // with a peer, IFA_ADDRESS is the peer's
  if (local.empty()) local = attribute(attributes, IFA_ADDRESS);
  return std::string{static_cast<char>(head.ifa_family), static_cast<char>(head.ifa_prefixlen)} + text(local);
}

/// A way that somebody has made on purpose. The kernel's own routes (RTPROT_KERNEL) come with an address, and that is
/// told anyway, or with a link that has none yet.
bool is_way(const rtmsg& head) {
  return is_ip(head.rtm_family) && head.rtm_table == RT_TABLE_MAIN && head.rtm_type == RTN_UNICAST &&
         head.rtm_protocol != RTPROT_KERNEL && head.rtm_protocol != RTPROT_REDIRECT &&
         (head.rtm_flags & RTM_F_CLONED) == 0;
}

KnownRoute route_of(const rtmsg& head, Bytes body) {
  const Bytes attributes = after(body, sizeof head);
  const std::string family_and_more{static_cast<char>(head.rtm_family), static_cast<char>(head.rtm_dst_len),
                                    static_cast<char>(head.rtm_tos)};
  return {family_and_more + text(attribute(attributes, RTA_PRIORITY)) + text(attribute(attributes, RTA_DST)),
          front<unsigned>(attribute(attributes, RTA_OIF)).value_or(0), text(attribute(attributes, RTA_GATEWAY))};
}

}  // namespace

NetworkView::Told NetworkView::read(std::span<const std::byte> datagram, std::uint32_t own_port) {
  Told told;
  while (const auto head = front<nlmsghdr>(datagram)) {
    if (head->nlmsg_len < sizeof(nlmsghdr) || head->nlmsg_len > datagram.size()) break;
    const Body body = datagram.subspan(sizeof(nlmsghdr), head->nlmsg_len - sizeof(nlmsghdr));
    const bool answer = head->nlmsg_pid == own_port;
    bool news = false;
    switch (head->nlmsg_type) {
      case NLMSG_DONE:
      case NLMSG_ERROR: told.answered = told.answered || answer; break;
      case RTM_NEWADDR: news = address_came(body); break;
      case RTM_DELADDR: address_went(body); break;
      case RTM_NEWROUTE: news = route_came(body, (head->nlmsg_flags & NLM_F_REPLACE) != 0); break;
      case RTM_DELROUTE: route_went(body); break;
      case RTM_NEWLINK: news = link_changed(body); break;
      case RTM_DELLINK: link_went(body); break;
      default: break;
    }
    told.news = told.news || (news && !answer);
    datagram = after(datagram, head->nlmsg_len);
  }
  return told;
}

void NetworkView::forget() {
  addresses_.clear();
  routes_.clear();
  links_down_.clear();
}

bool NetworkView::address_came(Body body) {
  const auto head = front<ifaddrmsg>(body);
  // Tentative: another machine may have it; the kernel tells again when it is ours. Deprecated: not for new
  // connections.
  constexpr unsigned k_not_usable = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
  if (!head || !reaches_far(*head) || (head->ifa_flags & k_not_usable) != 0) return false;
  if (addresses_.size() >= k_remembered_max) return true;
  return addresses_.insert({head->ifa_index, address_of(*head, body)}).second;
}

void NetworkView::address_went(Body body) {
  const auto head = front<ifaddrmsg>(body);
  if (!head || !reaches_far(*head)) return;
  addresses_.erase({head->ifa_index, address_of(*head, body)});
  // With its last IPv4 address a link loses all its routes, and the kernel tells nobody.
  forget_routes_of(head->ifa_index);
}

bool NetworkView::route_came(Body body, bool in_place_of_another) {
  const auto head = front<rtmsg>(body);
  if (!head || !is_way(*head)) return false;
  KnownRoute route = route_of(*head, body);
  if (in_place_of_another) {
    const auto replaced = [&](const KnownRoute& each) { return each.what == route.what && each != route; };
    std::erase_if(routes_, replaced);
  }
  if (routes_.size() >= k_remembered_max) return head->rtm_dst_len == 0;
  return routes_.insert(std::move(route)).second;
}

void NetworkView::route_went(Body body) {
  const auto head = front<rtmsg>(body);
  if (head && is_way(*head)) routes_.erase(route_of(*head, body));
}

bool NetworkView::link_changed(Body body) {
  const auto head = front<ifinfomsg>(body);
  if (!head || head->ifi_family != AF_UNSPEC) return false;
  const auto link = static_cast<unsigned>(head->ifi_index);
  if ((head->ifi_flags & IFF_UP) == 0) forget_routes_of(link);  // it has lost them, and the kernel tells nobody
  constexpr unsigned k_works = IFF_UP | IFF_RUNNING;
  if ((head->ifi_flags & k_works) != k_works) {
    if (links_down_.size() < k_remembered_max) links_down_.insert(link);
    return false;
  }
  // A cable that is plugged in again: address and routes may have been there all the time. If not, they will be told.
  const auto is_of_link = [link](const KnownAddress& each) { return each.link == link; };
  return links_down_.erase(link) != 0 && std::any_of(addresses_.begin(), addresses_.end(), is_of_link);
}

void NetworkView::link_went(Body body) {
  const auto head = front<ifinfomsg>(body);
  if (!head || head->ifi_family != AF_UNSPEC) return;
  const auto link = static_cast<unsigned>(head->ifi_index);
  links_down_.erase(link);
  forget_routes_of(link);
  std::erase_if(addresses_, [link](const KnownAddress& each) { return each.link == link; });
}

void NetworkView::forget_routes_of(unsigned link) {
  std::erase_if(routes_, [link](const KnownRoute& each) { return each.link == link; });
}

}  // namespace iotc_ha::runtime
