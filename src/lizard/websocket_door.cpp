#include "websocket_door.hpp"

#include "files.hpp"
#include "websocket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

namespace iotc_ha::lizard {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t k_waiting_bytes_max = 256UL * 1024;  ///< a side that does not take more is not given more
constexpr std::chrono::seconds k_handshake_timeout{5};
constexpr std::chrono::seconds k_farewell_timeout{1};
constexpr std::uint16_t k_normal_end = 1000;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Freed<SSL_free>>;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// True when a comma-separated list has this word.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    if (entry == word) return true;
  }
  return false;
}

/// The connection to the MQTT server.
struct Upstream {
  Descriptor socket;
  Context context;
  Tls tls;
};

bool connect_to(const WebSocketDoor& door, Upstream& upstream) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(door.port);
  inet_pton(AF_INET, door.address.c_str(), &to.sin_addr);
  upstream.socket = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int fd = upstream.socket.get();
  const timeval limit{.tv_sec = k_handshake_timeout.count(), .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return false;
  upstream.context.reset(SSL_CTX_new(TLS_client_method()));
  if (!upstream.context || SSL_CTX_load_verify_file(upstream.context.get(), door.authority_file.c_str()) != 1) {
    return false;
  }
  SSL_CTX_set_verify(upstream.context.get(), SSL_VERIFY_PEER, nullptr);
  upstream.tls.reset(SSL_new(upstream.context.get()));
  return upstream.tls &&
         X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(upstream.tls.get()), door.certified_address.c_str()) == 1 &&
         SSL_set_fd(upstream.tls.get(), fd) == 1 && SSL_connect(upstream.tls.get()) == 1;
}

/// One side of what is passed on.
class Side {
 public:
  explicit Side(SSL* tls) : tls_(tls), fd_(SSL_get_fd(tls)) {
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  std::string outgoing;

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool has_room() const { return outgoing.size() < k_waiting_bytes_max; }
  [[nodiscard]] bool has_read_ahead() const { return SSL_pending(tls_) > 0; }
  [[nodiscard]] pollfd interest(bool reading) const {
    const int events = (reading ? POLLIN : 0) | (outgoing.empty() ? 0 : POLLOUT);
    return {.fd = events == 0 ? -1 : fd_, .events = static_cast<short>(events), .revents = 0};
  }

  /// What has come, "" when nothing has.
  std::string read() {
    std::array<char, 16384> bytes{};
    ERR_clear_error();
    const int count = SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()));
    if (count > 0) return {bytes.data(), static_cast<std::size_t>(count)};
    end_unless_waiting(count);
    return {};
  }

  void write() {
    while (!outgoing.empty() && !over_) {
      ERR_clear_error();
      const int count = SSL_write(tls_, outgoing.data(), static_cast<int>(outgoing.size()));
      if (count <= 0) return end_unless_waiting(count);
      outgoing.erase(0, static_cast<std::size_t>(count));
    }
  }

  /// Sends what is still to be sent, and says goodbye.
  void finish() {
    const auto deadline = steady_clock::now() + k_farewell_timeout;
    write();
    while (!outgoing.empty() && !over_ && steady_clock::now() < deadline) {
      pollfd writable = interest(false);
      poll(&writable, 1, static_cast<int>(std::chrono::milliseconds(k_farewell_timeout).count()));
      write();
    }
    if (!over_) SSL_shutdown(tls_);
    shutdown(fd_, SHUT_RDWR);
  }

 private:
  void end_unless_waiting(int result) {
    const int error = SSL_get_error(tls_, result);
    over_ = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
  }

  SSL* tls_;
  int fd_;
  bool over_ = false;
};

void pass_on(Side& client, Side& server, const std::function<void()>& hold) {
  WebSocketReader reader;
  bool open = true;
  while (open && !client.over() && !server.over()) {
    std::array<pollfd, 2> both{client.interest(server.has_room()), server.interest(client.has_room())};
    const bool ready = (server.has_room() && client.has_read_ahead()) || (client.has_room() && server.has_read_ahead());
    poll(both.data(), both.size(), ready ? 0 : -1);
    hold();
    if (server.has_room()) open = reader.feed(client.read(), server.outgoing, client.outgoing);
    if (client.has_room()) {
      const std::string bytes = server.read();
      if (!bytes.empty()) client.outgoing += websocket_frame(WebSocketOpcode::Binary, bytes);
    }
    client.write();
    server.write();
  }
  if (open && !client.over()) client.outgoing += websocket_close(k_normal_end);
}

}  // namespace

std::string objection_to(const WebSocketRequest& request) {
  if (lower(request.upgrade) != "websocket") return "The only upgrade here is to websocket.";
  if (request.version != "13") return "Sec-WebSocket-Version must be 13.";
  if (request.key.empty()) return "Sec-WebSocket-Key is missing.";
  if (!lists(request.protocols, "mqtt")) return "Sec-WebSocket-Protocol must offer mqtt.";
  return "";
}

bool serve_websocket(SSL* client_tls, const std::string& key, const WebSocketDoor& door,
                     const std::function<void()>& hold) {
  Upstream upstream;
  if (!connect_to(door, upstream)) return false;
  Side client(client_tls);
  Side server(upstream.tls.get());
  client.outgoing =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      websocket_accept(key) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  client.write();
  pass_on(client, server, hold);
  client.finish();
  server.finish();
  return true;
}

}  // namespace iotc_ha::lizard
