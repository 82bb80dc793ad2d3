#pragma once

#include "running_lizard.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace iotc_ha::lizard::test {

/// An MQTT client of Paho's that comes over WebSocket. Every call waits for what it does.
class WebSocketDevice {
 public:
  struct Login {
    std::string id;
    std::string user_name;
    std::string password;
  };

  /// `place`: address and path, 127.0.0.1/$iothub/websocket; the port is the lizard's.
  WebSocketDevice(const RunningLizard& lizard, const std::string& place, Login login);
  /// As a device that is in the enrolment group logs in to a hub.
  WebSocketDevice(const RunningLizard& lizard, const std::string& hub, const std::string& id);
  ~WebSocketDevice();
  WebSocketDevice(const WebSocketDevice&) = delete;
  WebSocketDevice& operator=(const WebSocketDevice&) = delete;

  /// The CONNACK code; -1 when none came.
  int connect();
  bool subscribe(const std::string& filter);
  bool publish(const std::string& topic, const std::string& body, std::chrono::milliseconds limit = k_patience);
  /// The topic of the next message.
  std::optional<std::string> receive(std::chrono::milliseconds limit = k_patience);
  /// True when the connection was, or is within the limit, closed by the other side.
  bool is_closed(std::chrono::milliseconds limit = k_patience);
  /// DISCONNECT
  void disconnect();

 private:
  void* client_ = nullptr;
  Login login_;
  std::string ca_file_;
};

}  // namespace iotc_ha::lizard::test
