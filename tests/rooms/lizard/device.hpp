#pragma once

#include "running_lizard.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

struct mosquitto;
struct mosquitto_message;

namespace iotc_ha::lizard::test {

/// A device on libmosquitto, on the test's own thread: it takes part in the network only inside the calls here.
class Device {
 public:
  struct Identity {
    std::string id;
    std::string key{};  ///< base64; "" derives it from the group key
    std::chrono::seconds token_life{3600};
    bool clean_session = false;
    std::string user_name{};  ///< "" builds the right one for a hub
    std::string token{};      ///< "" makes one for a hub
  };
  struct Message {
    std::string topic;
    std::string body;
    int qos = 0;
  };

  Device(const RunningLizard& lizard, Identity identity);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// The CONNACK code; -1 when none came.
  int connect(const std::string& hub);
  /// The four subscriptions of a device. True when all were granted.
  bool subscribe_all();
  /// The SUBACK code; -1 when none came.
  int subscribe(const std::string& filter, int qos = 1);
  /// True when the hub acknowledged it, or for QoS 0 when it was sent.
  bool publish(const std::string& topic, const std::string& body, int qos = 1);
  /// Publishes without waiting for anything.
  void send(const std::string& topic, const std::string& body, int qos = 1);
  /// The first message whose topic starts so, taken out of those received.
  std::optional<Message> receive(const std::string& topic_start, std::chrono::milliseconds limit = k_patience);
  /// True when the connection was, or is within the limit, closed by the other side.
  bool is_closed(std::chrono::milliseconds limit = k_patience);
  /// DISCONNECT
  void disconnect();
  /// The socket, to look at it from below libmosquitto.
  [[nodiscard]] int socket() const;

 private:
  bool turn_until(const std::function<bool()>& condition, std::chrono::milliseconds limit);

  const RunningLizard& lizard_;
  Identity identity_;
  ::mosquitto* client_ = nullptr;
  int connack_ = -1;
  int suback_ = -1;
  int acknowledged_ = -1;
  bool connected_ = false;
  std::vector<Message> inbox_;
};

}  // namespace iotc_ha::lizard::test
