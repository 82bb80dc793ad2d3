#include "scripted_peer.hpp"

#include "broker.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

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

void Dialogue::read_exactly(char* to, std::size_t count) {
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
  if (SSL_write(static_cast<SSL*>(tls_), bytes.data(), static_cast<int>(bytes.size())) <= 0) throw PeerGone("write");
}

void Dialogue::acknowledge_connect(std::uint8_t return_code) {
  if (receive().type != 1) throw PeerGone("not a CONNECT");
  send(packet(0x20, std::string{'\0', static_cast<char>(return_code)}));
}

void Dialogue::accept_session(std::uint8_t granted) {
  acknowledge_connect(0);
  for (int i = 0; i < 4; ++i) {
    const Packet subscribe = receive();
    if (subscribe.type != 8) throw PeerGone("not a SUBSCRIBE");
    send(packet(0x90, subscribe.body.substr(0, 2) + static_cast<char>(granted)));
  }
}

void Dialogue::answer_twin(int status, std::string_view twin) { answer_twin(receive(), status, twin); }

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

void Dialogue::reset() {
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(socket_, -1));
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
    try {
      Dialogue dialogue(fd);
      if (!ending_) script_(dialogue);
      serving_ = -1;
    } catch (const Dialogue::PeerGone&) {
      serving_ = -1;  // the test sees what became of the session
    }
  }
}

}  // namespace iotc_ha::hub_test
