#pragma once

#include "certificates.hpp"

#include <websocket.hpp>  // the other half of the protocol, written by somebody else: the lizard

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// A peer that does what a broker in its right mind does not: it speaks just enough TLS and MQTT to break off anywhere.
namespace iotc_ha::hub_test {

/// One connection of the device, blocking. Every member throws PeerGone when the device is gone.
class Dialogue {
 public:
  struct PeerGone : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Packet {
    std::uint8_t type = 0;  ///< the high four bits: 1 CONNECT, 3 PUBLISH, 8 SUBSCRIBE, 12 PINGREQ, 14 DISCONNECT
    std::string body;
  };

  explicit Dialogue(int socket) : socket_(socket) {}
  ~Dialogue();
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  /// `newest` as OpenSSL knows it, e.g. TLS1_1_VERSION; 0 for what it has.
  void start_tls(const KeyPair& keys, int newest = 0);
  [[nodiscard]] int tls_version() const;  ///< as OpenSSL knows it, e.g. TLS1_3_VERSION
  [[nodiscard]] bool is_resumed() const;  ///< the TLS session is that of an earlier connection
  /// Reads the request for a WebSocket and answers it: with `answer`, or by upgrading. After that MQTT is in frames;
  /// those that we send are of `piece` bytes if that is not 0, with a ping after each. The request.
  std::string upgrade(std::size_t piece = 0, std::string answer = "");
  /// As it is, past MQTT and the WebSocket.
  void send_raw(std::string_view bytes);
  /// Plays a hub that answers everything, until the device is gone. All that came but pings.
  std::vector<Packet> play_hub();
  [[nodiscard]] Packet receive();
  void send(std::string_view bytes);
  void acknowledge_connect(std::uint8_t return_code);
  /// Reads CONNECT and answers it; reads the four SUBSCRIBEs and grants each with `granted`.
  void accept_session(std::uint8_t granted = 1);
  void grant_subscriptions(std::uint8_t granted = 1);
  /// `get` is the device's question.
  void answer_twin(const Packet& get, int status, std::string_view twin);
  void publish(std::string_view topic, std::string_view payload);
  /// The same with QoS 1: to be answered by a PUBACK, a packet of type 4 with this id.
  void publish(std::string_view topic, std::string_view payload, std::uint16_t id);
  void wait_until_gone();
  /// All that comes until the device is gone.
  [[nodiscard]] std::vector<Packet> receive_the_rest();
  void say_farewell();  ///< as TLS does it: close_notify
  void reset();         ///< the connection ends without a farewell, by RST, when the script does

 private:
  void read_exactly(char* to, std::size_t count);

  int socket_;
  std::unique_ptr<lizard::WebSocketReader> frames_;
  std::size_t piece_ = 0;
  std::string carried_;
  void* tls_context_ = nullptr;
  void* tls_ = nullptr;
};

class ScriptedPeer {
 public:
  using Script = std::function<void(Dialogue&)>;

  /// Runs `script` for each connection, one after the other.
  explicit ScriptedPeer(Script script);
  ~ScriptedPeer();
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve();

  Script script_;
  int listener_;
  std::uint16_t port_;
  std::atomic<int> serving_ = -1;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace iotc_ha::hub_test
