#include "http.hpp"

#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/text.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace iotc_ha::hub {
namespace {

using core::Fault;

constexpr std::string_view k_scheme = "http://";
constexpr std::string_view k_line_end = "\r\n";

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the NUL that OpenSSL writes
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lowered;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view k_blanks = " \t";
  const std::size_t first = text.find_first_not_of(k_blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(k_blanks) - first + 1);
}

/// Cuts off and returns what stands before the separator, or all of it.
std::string_view cut(std::string_view& text, std::string_view separator) {
  const std::size_t at = text.find(separator);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + separator.size());
  return before;
}

bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (lower(trim(cut(list, ","))) == word) return true;
  }
  return false;
}

/// "Basic …" of "user:password"; nothing if it is not well encoded, or would break the line that it stands in.
std::optional<std::string> authorization_of(std::string_view credentials) {
  const std::string_view user = cut(credentials, ":");
  const auto plain_user = azure::percent_decode(user);
  const auto password = azure::percent_decode(credentials);
  // RFC 7617, 2: the first colon ends the user's name.
  if (!plain_user || !password || plain_user->find(':') != std::string::npos) return std::nullopt;
  return "Basic " + base64(*plain_user + ':' + *password);
}

bool is_host(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '/' && c != '@'; });
}

}  // namespace

core::Result<std::optional<Proxy>> read_proxy(std::string_view url) {
  if (url.empty()) return std::nullopt;
  const auto wrong = [url] {
    // What cannot be read may contain a password anywhere.
    const std::string shown = url.find('@') == std::string_view::npos ? " '" + std::string(url) + '\'' : "";
    return core::fail(Fault::BadConfiguration, "the proxy" + shown + " is not http://[user:password@]host:port");
  };
  if (!url.starts_with(k_scheme)) return wrong();
  std::string_view rest = url.substr(k_scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Proxy proxy;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    auto authorization = authorization_of(rest.substr(0, at));
    if (!authorization) return wrong();
    proxy.authorization = *std::move(authorization);
    rest.remove_prefix(at + 1);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  const auto port = azure::read_number<std::uint16_t>(rest.substr(colon + 1));
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!port || *port == 0 || !is_host(host)) return wrong();
  proxy.host = host;
  proxy.port = *port;
  return proxy;
}

std::string authority_of(std::string_view host, std::uint16_t port) {
  const bool bare = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return (bare ? '[' + std::string(host) + ']' : std::string(host)) + ':' + std::to_string(port);
}

std::string connect_request(const std::string& authority, const Proxy& proxy) {
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy.authorization.empty()) request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  return request + "\r\n";
}

std::string upgrade_request(const std::string& authority, std::string_view key) {
  // The parameter tells the hub that no certificate of the client's will come, which it would ask for otherwise.
  return "GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\nHost: " + authority +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
         std::string(key) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
}

core::Result<std::optional<Head>> read_head(std::string_view bytes) {
  constexpr std::string_view k_version = "HTTP/1.";
  const std::size_t end = bytes.find("\r\n\r\n");
  const auto wrong = [] { return core::fail(Fault::HubProtocol, "an answer that is not HTTP"); };
  if (bytes.substr(0, k_version.size()) != k_version.substr(0, bytes.size())) return wrong();
  if (end == std::string_view::npos) {
    if (bytes.size() > k_head_max) return core::fail(Fault::HubProtocol, "an HTTP answer with a head that has no end");
    return std::nullopt;
  }
  Head head;
  head.size = end + 4;
  std::string_view lines = bytes.substr(0, end);
  std::string_view first = cut(lines, k_line_end);
  cut(first, " ");
  const auto status = azure::read_number<int>(cut(first, " "));
  if (!status || *status < 100 || *status > 599) return wrong();
  head.status = *status;
  head.reason = azure::one_line(trim(first), 60);
  bool upgrades = false;
  bool connection = false;
  while (!lines.empty()) {
    std::string_view value = cut(lines, k_line_end);
    const std::string name = lower(trim(cut(value, ":")));
    value = trim(value);
    if (name == "upgrade") upgrades = lists(value, "websocket");
    if (name == "connection") connection = connection || lists(value, "upgrade");
    if (name == "sec-websocket-accept") head.accept = value;
    if (name == "sec-websocket-protocol") head.protocol = value;
  }
  head.is_websocket = upgrades && connection;
  return head;
}

}  // namespace iotc_ha::hub
