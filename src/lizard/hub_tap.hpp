#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

/// What mosquitto's plugin interface does not tell, read from the MQTT packets as they pass between mosquitto and
/// OpenSSL: a PUBACK of the device, a DISCONNECT, and the code in a refusing CONNACK (mosquitto 2.0 knows only 5 for a
/// plugin's refusal). Works because the plugin is also preloaded, so that its SSL_read and SSL_write come first, and
/// because mosquitto does all this on one thread.
namespace iotc_ha::lizard::tap {

/// Splits one direction of a connection into packets and keeps the first bytes of each.
class PacketScanner {
 public:
  using Packet = std::function<void(unsigned char header, const std::string& first_bytes)>;
  explicit PacketScanner(std::size_t keep) : keep_(keep) {}
  void feed(const unsigned char* bytes, std::size_t size, const Packet& packet);

 private:
  enum class Part : std::uint8_t { Header, Length, Body };
  void finish(const Packet& packet);

  std::size_t keep_;
  Part part_ = Part::Header;
  unsigned char header_ = 0;
  std::size_t remaining_ = 0;
  unsigned shift_ = 0;
  std::string first_bytes_;
};

/// An accepted connection. Destroyed when mosquitto reports its end.
class Connection {
 public:
  using Completed = std::function<void(const std::string& topic)>;
  /// Watches the connection whose CONNECT mosquitto is handling now.
  explicit Connection(Completed completed);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = delete;
  Connection& operator=(Connection&&) = delete;

  [[nodiscard]] bool said_disconnect() const noexcept { return said_disconnect_; }

  void received(const unsigned char* bytes, std::size_t size);
  void sent(const unsigned char* bytes, std::size_t size);

 private:
  void* ssl_;
  Completed completed_;
  PacketScanner in_{2};
  PacketScanner out_{8192};
  std::unordered_map<unsigned, std::string> unacknowledged_;  ///< topic by packet id
  bool said_disconnect_ = false;
};

/// The next refusing CONNACK says `code` instead of 5.
void refuse_with(std::uint8_t code);

}  // namespace iotc_ha::lizard::tap
