#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <tuple>

namespace iotc_ha::runtime {

/// An address of this machine.
struct KnownAddress {
  unsigned link = 0;
  std::string address;  ///< family, length of the prefix, bytes
  friend bool operator<(const KnownAddress& a, const KnownAddress& b) {
    return std::tie(a.link, a.address) < std::tie(b.link, b.address);
  }
};
/// A route of this machine; those with the same `what` take each other's place.
struct KnownRoute {
  std::string what;  ///< family, destination, type of service, priority
  unsigned link = 0;
  std::string gateway;
  friend bool operator<(const KnownRoute& a, const KnownRoute& b) {
    return std::tie(a.what, a.link, a.gateway) < std::tie(b.what, b.link, b.gateway);
  }
  friend bool operator==(const KnownRoute&, const KnownRoute&) = default;
};

/// Tells from what the kernel says of links, addresses and routes (rtnetlink(7)) whether something new has come by
/// which a hub may be reached. Pure.
///
/// It remembers what is there, because the kernel repeats itself: each renewal of a DHCP lease and each router
/// advertisement is told as a new address or route.
class NetworkView {
 public:
  struct Told {
    bool news = false;
    bool answered = false;  ///< a question of ours (a dump) has come to its end
  };
  /// `datagram` as it was received. What comes as an answer to `own_port` was there before, so it is no news.
  [[nodiscard]] Told read(std::span<const std::byte> datagram, std::uint32_t own_port);
  /// Messages were lost: nothing is known any more.
  void forget();

  /// A machine with more routes is no device; what does not fit is no news unless it is an address or a default route.
  static constexpr std::size_t k_remembered_max = 4096;

 private:
  /// What follows the header of a message.
  using Body = std::span<const std::byte>;

  bool address_came(Body body);
  void address_went(Body body);
  bool route_came(Body body, bool in_place_of_another);
  void route_went(Body body);
  bool link_changed(Body body);
  void link_went(Body body);
  void forget_routes_of(unsigned link);

  std::set<KnownAddress> addresses_;
  std::set<KnownRoute> routes_;
  std::set<unsigned> links_down_;
};

}  // namespace iotc_ha::runtime
