#include "proxy.hpp"

#include "broker.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace iotc_ha::hub_test {
namespace {

sockaddr_in at(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, own_address().c_str(), &address.sin_addr);
  return address;
}

/// False when the connection has ended.
bool pass_on(int from, int to) {
  std::array<char, 4096> bytes{};
  const ssize_t got = recv(from, bytes.data(), bytes.size(), 0);
  return got > 0 && send(to, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

void relay(int one, int other) {
  std::array<pollfd, 2> ends{pollfd{one, POLLIN, 0}, pollfd{other, POLLIN, 0}};
  while (poll(ends.data(), ends.size(), 30'000) > 0) {
    if (ends[0].revents != 0 && !pass_on(one, other)) return;
    if (ends[1].revents != 0 && !pass_on(other, one)) return;
  }
}

}  // namespace

Proxy::Proxy(std::string answer)
    : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(free_port()) {
  const sockaddr_in address = at(port_);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 1) != 0) {
    close(listener_);
    throw std::runtime_error("the proxy cannot listen");
  }
  thread_ = std::thread([this] { serve(); });
}

Proxy::~Proxy() {
  shutdown(listener_, SHUT_RDWR);
  if (const int fd = client_; fd >= 0) shutdown(fd, SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
  close(listener_);
}

std::string Proxy::request() {
  const std::string all = head();
  return all.substr(0, all.find("\r\n"));
}

std::string Proxy::head() {
  if (thread_.joinable()) thread_.join();
  return head_;
}

void Proxy::serve() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  client_ = client;
  std::string asked;
  char byte = 0;
  while (!asked.ends_with("\r\n\r\n") && recv(client, &byte, 1, 0) == 1) asked += byte;
  head_ = asked;
  if (!answer_.empty()) {
    if (answer_ != "silence") send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    while (recv(client, &byte, 1, 0) == 1) {  // until the client has gone
    }
    client_ = -1;
    close(client);
    return;
  }
  const std::string request = asked.substr(0, asked.find("\r\n"));
  const std::size_t colon = request.rfind(':');
  const sockaddr_in address = at(static_cast<std::uint16_t>(std::stoi("0" + request.substr(colon + 1))));
  const int hub = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(hub, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string_view granted = "HTTP/1.1 200 Connection established\r\n\r\n";
    send(client, granted.data(), granted.size(), MSG_NOSIGNAL);
    relay(client, hub);
  }
  client_ = -1;
  close(hub);
  close(client);
}

}  // namespace iotc_ha::hub_test
