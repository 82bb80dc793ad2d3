#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

using SSL = struct ssl_st;

namespace iotc_ha::lizard {

/// MQTT over WebSocket: where it comes in, and the MQTT server (TLS) to which what it carries is handed on, so that a
/// device is the same to it whichever way it came.
struct WebSocketDoor {
  std::vector<std::string> paths;
  std::string address;
  std::uint16_t port = 0;
  std::string certified_address;  ///< the one that the server's certificate names
  std::string authority_file;     ///< the server's certificate is checked against this (PEM)
};

/// What a client says when it asks for a WebSocket.
struct WebSocketRequest {
  std::string upgrade;
  std::string version;
  std::string key;
  std::string protocols;
};

/// What is wrong with the request, "" when the door opens for it.
[[nodiscard]] std::string objection_to(const WebSocketRequest& request);

/// Says 101 on the client's connection, which is still in blocking mode, and passes bytes on between it and the MQTT
/// server until either side ends; the client's connection is shut down then. `hold` is called before anything is passed
/// on, and may keep it back. False, and nothing was said, when the MQTT server cannot be reached.
[[nodiscard]] bool serve_websocket(SSL* client, const std::string& key, const WebSocketDoor& door,
                                   const std::function<void()>& hold);

}  // namespace iotc_ha::lizard
