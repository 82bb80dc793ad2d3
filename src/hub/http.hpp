#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The little of HTTP/1.1 that opens a way: through a proxy, and into a WebSocket. Pure text.
namespace iotc_ha::hub {

struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  ///< the value of Proxy-Authorization, "" for none. Secret
};
/// Reads "http://[user:password@]host:port", user and password percent-encoded; nothing for "". Error BadConfiguration,
/// which does not repeat the password.
[[nodiscard]] core::Result<std::optional<Proxy>> read_proxy(std::string_view url);

/// `host` in brackets if it is an IPv6 address, and the port.
[[nodiscard]] std::string authority_of(std::string_view host, std::uint16_t port);
[[nodiscard]] std::string connect_request(const std::string& authority, const Proxy& proxy);
/// `key` is 16 random bytes in base64.
[[nodiscard]] std::string upgrade_request(const std::string& authority, std::string_view key);

/// The start of an answer, up to the empty line.
struct Head {
  int status = 0;
  std::string reason;         ///< as the other side has it, for people
  std::size_t size = 0;       ///< of the head in bytes; what follows is something else
  bool is_websocket = false;  ///< Upgrade: websocket and Connection: upgrade
  std::string accept;         ///< Sec-WebSocket-Accept
  std::string protocol;       ///< Sec-WebSocket-Protocol
};
/// Nothing until it is there as a whole. Error HubProtocol when it is no HTTP, or longer than `k_head_max`.
[[nodiscard]] core::Result<std::optional<Head>> read_head(std::string_view bytes);

inline constexpr std::size_t k_head_max = std::size_t{16} * 1024;

}  // namespace iotc_ha::hub
