#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace iotc_ha::hub_test {

/// An HTTP proxy for one CONNECT, on our address.
class Proxy {
 public:
  /// `answer`: a head other than the consent, after which the connection is closed; "silence" for none.
  explicit Proxy(std::string answer = "");
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// The first line of what the client asked for; after the connection has ended.
  [[nodiscard]] std::string request();
  /// All of it.
  [[nodiscard]] std::string head();

 private:
  void serve();

  const std::string answer_;
  int listener_;
  std::uint16_t port_;
  std::atomic<int> client_ = -1;
  std::string head_;
  std::thread thread_;
};

}  // namespace iotc_ha::hub_test
