#include "scripted_peer.hpp"

#include "broker.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace iotc_ha::hub_test {
namespace {

std::string with_length(std::string_view text) {
  return std::string{static_cast<char>(text.size() >> 8U), static_cast<char>(text.size() & 0xffU)} + std::string(text);
}

std::string packet(std::uint8_t first, std::string_view body) {
  std::string bytes(1, static_cast<char>(first));
  for (std::size_t left = body.size();;) {
    const auto low = static_cast<std::uint8_t>(left & 0x7fU);
    left >>= 7U;
    bytes += static_cast<char>(left > 0 ? low | 0x80U : low);
    if (left == 0) break;
  }
  return bytes + std::string(body);
}

}  // namespace

Dialogue::~Dialogue() {
  SSL_free(static_cast<SSL*>(tls_));
  SSL_CTX_free(static_cast<SSL_CTX*>(tls_context_));
  if (socket_ >= 0) close(socket_);
}

void Dialogue::start_tls(const KeyPair& keys, int newest) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  tls_context_ = context;
  // The same for each connection, so that sessions can be resumed although each has a context of its own.
  std::array<unsigned char, 80> ticket_keys{};
  SSL_CTX_set_tlsext_ticket_keys(context, ticket_keys.data(), ticket_keys.size());
  if (newest != 0) {
    SSL_CTX_set_security_level(context, 0);  // at Debian's level, no old version could be offered
    SSL_CTX_set_min_proto_version(context, 0);
    SSL_CTX_set_max_proto_version(context, newest);
  }
  SSL_CTX_use_certificate_chain_file(context, keys.certificate_file.c_str());
  SSL_CTX_use_PrivateKey_file(context, keys.key_file.c_str(), SSL_FILETYPE_PEM);
  SSL* tls = SSL_new(context);
  tls_ = tls;
  SSL_set_fd(tls, socket_);
  if (SSL_accept(tls) != 1) throw PeerGone("TLS handshake");
}

int Dialogue::tls_version() const { return SSL_version(static_cast<const SSL*>(tls_)); }

bool Dialogue::is_resumed() const { return SSL_session_reused(static_cast<const SSL*>(tls_)) == 1; }
std::string Dialogue::upgrade(std::size_t piece, std::string answer) {
  std::string request;
  for (char byte = 0; !request.ends_with("\r\n\r\n"); request += byte) read_exactly(&byte, 1);
  if (answer.empty()) {
    constexpr std::string_view k_key = "Sec-WebSocket-Key: ";
    const std::size_t key = request.find(k_key) + k_key.size();
    answer =
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: " +
        lizard::websocket_accept(request.substr(key, request.find('\r', key) - key)) + "\r\n\r\n";
  }
  send_raw(answer);
  frames_ = std::make_unique<lizard::WebSocketReader>();
  piece_ = piece;
  return request;
}

void Dialogue::read_exactly(char* to, std::size_t count) {
  while (frames_ && carried_.size() < count) {
    std::array<char, 16384> bytes{};
    const int got = SSL_read(static_cast<SSL*>(tls_), bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) throw PeerGone("read");
    std::string answers;
    const bool open = frames_->feed({bytes.data(), static_cast<std::size_t>(got)}, carried_, answers);
    if (!answers.empty()) send_raw(answers);
    if (!open && carried_.size() < count) throw PeerGone("close");
  }
  if (frames_) {
    carried_.copy(to, count);
    carried_.erase(0, count);
    return;
  }
  while (count > 0) {
    const int got = SSL_read(static_cast<SSL*>(tls_), to, static_cast<int>(count));
    if (got <= 0) throw PeerGone("read");
    to += got;
    count -= static_cast<std::size_t>(got);
  }
}

Dialogue::Packet Dialogue::receive() {
  char byte = 0;
  read_exactly(&byte, 1);
  Packet received{static_cast<std::uint8_t>(static_cast<std::uint8_t>(byte) >> 4U), {}};
  std::size_t length = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    read_exactly(&byte, 1);
    length |= (static_cast<std::size_t>(byte) & 0x7fU) << shift;
    if ((static_cast<unsigned>(byte) & 0x80U) == 0) break;
  }
  received.body.resize(length);
  read_exactly(received.body.data(), length);
  return received;
}

void Dialogue::send(std::string_view bytes) {
  if (!frames_) return send_raw(bytes);
  if (piece_ == 0) return send_raw(lizard::websocket_frame(lizard::WebSocketOpcode::Binary, bytes));
  for (std::size_t at = 0; at < bytes.size(); at += piece_) {
    const auto opcode = at == 0 ? lizard::WebSocketOpcode::Binary : lizard::WebSocketOpcode::Continuation;
    std::string frame = lizard::websocket_frame(opcode, bytes.substr(at, piece_));
    if (at + piece_ < bytes.size()) frame[0] = static_cast<char>(frame[0] & 0x7f);  // not the last one
    send_raw(frame + lizard::websocket_frame(lizard::WebSocketOpcode::Ping, "here?"));
  }
}

void Dialogue::send_raw(std::string_view bytes) {
  if (SSL_write(static_cast<SSL*>(tls_), bytes.data(), static_cast<int>(bytes.size())) <= 0) throw PeerGone("write");
}

std::vector<Dialogue::Packet> Dialogue::play_hub() {
  std::vector<Packet> came;
  try {
    while (true) {
      Packet packet = receive();
      using namespace std::string_literals;
      if (packet.type == 1) send(::iotc_ha::hub_test::packet(0x20, "\0\0"s));
      if (packet.type == 8) send(::iotc_ha::hub_test::packet(0x90, packet.body.substr(0, 2) + '\1'));
      if (packet.type == 12) send(::iotc_ha::hub_test::packet(0xd0, ""));
      const bool asks = packet.type == 3 && packet.body.find("$iothub/twin/GET/") == 2;
      if (asks) answer_twin(packet, 200, "{}");
      if (packet.type == 3 && !asks) {  // QoS 1: the number follows the topic
        const auto high = static_cast<unsigned char>(packet.body.at(0));
        const auto low = static_cast<unsigned char>(packet.body.at(1));
        send(::iotc_ha::hub_test::packet(0x40, packet.body.substr(2U + (static_cast<unsigned>(high) << 8U) + low, 2)));
      }
      if (packet.type != 12) came.push_back(std::move(packet));
    }
  } catch (const PeerGone&) {
  }
  return came;
}

void Dialogue::acknowledge_connect(std::uint8_t return_code) {
  if (receive().type != 1) throw PeerGone("not a CONNECT");
  send(packet(0x20, std::string{'\0', static_cast<char>(return_code)}));
}

void Dialogue::accept_session(std::uint8_t granted) {
  acknowledge_connect(0);
  grant_subscriptions(granted);
}

void Dialogue::grant_subscriptions(std::uint8_t granted) {
  for (int i = 0; i < 4; ++i) {
    const Packet subscribe = receive();
    if (subscribe.type != 8) throw PeerGone("not a SUBSCRIBE");
    send(packet(0x90, subscribe.body.substr(0, 2) + static_cast<char>(granted)));
  }
}

void Dialogue::answer_twin(const Packet& get, int status, std::string_view twin) {
  const std::size_t rid = get.body.find("?$rid=");
  if (get.type != 3 || rid == std::string::npos) throw PeerGone("not the GET of the twin");
  publish("$iothub/twin/res/" + std::to_string(status) + '/' + get.body.substr(rid), twin);
}

void Dialogue::publish(std::string_view topic, std::string_view payload) {
  send(packet(0x30, with_length(topic) + std::string(payload)));
}

void Dialogue::publish(std::string_view topic, std::string_view payload, std::uint16_t id) {
  const std::string number{static_cast<char>(id >> 8U), static_cast<char>(id & 0xffU)};
  send(packet(0x32, with_length(topic) + number + std::string(payload)));
}

std::vector<Dialogue::Packet> Dialogue::receive_the_rest() {
  std::vector<Packet> packets;
  try {
    while (true) packets.push_back(receive());
  } catch (const PeerGone&) {
  }
  return packets;
}

void Dialogue::wait_until_gone() {
  if (tls_ == nullptr) {
    char byte = 0;
    while (recv(socket_, &byte, 1, 0) > 0) {
    }
    return;
  }
  static_cast<void>(receive_the_rest());
}

void Dialogue::say_farewell() { SSL_shutdown(static_cast<SSL*>(tls_)); }

void Dialogue::reset() {
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

ScriptedPeer::ScriptedPeer(Script script)
    : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(free_port()) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  inet_pton(AF_INET, own_address().c_str(), &address.sin_addr);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 8) != 0) {
    close(listener_);
    throw std::runtime_error("the scripted peer cannot listen");
  }
  thread_ = std::thread([this] { serve(); });
}

ScriptedPeer::~ScriptedPeer() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  if (const int fd = serving_; fd >= 0) shutdown(fd, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void ScriptedPeer::serve() {
  while (!ending_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    serving_ = fd;
    const timeval patience{30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    Dialogue dialogue(fd);
    try {
      if (!ending_) script_(dialogue);
    } catch (const Dialogue::PeerGone&) {
      // The test sees what became of the session.
    }
    serving_ = -1;  // before the number can be another's
  }
}

}  // namespace iotc_ha::hub_test
