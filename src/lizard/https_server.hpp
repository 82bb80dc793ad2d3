#pragma once

#include "http.hpp"
#include "websocket_door.hpp"

#include <iotc_ha/core/error.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace iotc_ha::lizard {

/// An HTTPS server that can be attacked, with a door for MQTT over WebSocket. One thread opens, closes and attacks it;
/// answers are made, and WebSockets are served, on threads of its own.
class HttpsServer {
 public:
  using Answer = std::function<HttpAnswer(const HttpRequest&)>;
  struct Place {
    std::string address;
    std::uint16_t port;
    std::string certificate_file;
    std::string key_file;
    WebSocketDoor door;
  };

  HttpsServer(Place place, Answer answer);
  ~HttpsServer();
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;
  HttpsServer(HttpsServer&&) = delete;
  HttpsServer& operator=(HttpsServer&&) = delete;

  /// Listens and serves. The error names the address and what to do about it.
  [[nodiscard]] core::Result<void> open();
  /// Resets all connections and closes the listener: connections are refused from now on.
  void close();
  /// Connections are accepted and stay open, but nothing is answered on them, old or new, until unfreeze().
  void freeze();
  /// Resets what was frozen and answers again.
  void unfreeze();
  /// Resets all open connections once.
  void drop_connections() const;

 private:
  struct Running;
  Place place_;
  Answer answer_;
  std::unique_ptr<Running> running_;
};

}  // namespace iotc_ha::lizard
