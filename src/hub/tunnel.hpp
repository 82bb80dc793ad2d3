#pragma once

#include "http.hpp"
#include "stand_in.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace iotc_ha::hub {

/// The ways of a tunnel to an MQTT server.
struct Way {
  std::string host;  ///< of the server: for the proxy, for TLS and for the upgrade
  std::uint16_t port = 0;
  bool websocket = false;
  std::optional<Proxy> proxy;
  std::string address;                        ///< numeric: the proxy's if there is one, else the server's
  std::filesystem::path ca_file;              ///< empty: the system's trust store
  std::chrono::milliseconds timeout{0};       ///< until it is open
  std::chrono::milliseconds user_timeout{0};  ///< TCP_USER_TIMEOUT
};

/// A connection to an MQTT server through a proxy, a WebSocket or both, under which Paho speaks plain MQTT on one end
/// of a pair of sockets. Paho can do both by itself, but shares one buffer for the frames of all its WebSockets (a
/// connection that is lost inside a frame spoils the next), waits for a proxy with its process-wide mutex held, and
/// does not tell of an upgrade that is refused (Paho C 1.3.12).
///
/// A thread of its own, "hub-tunnel", opens the way and then passes bytes on, no more than k_waiting_max of them
/// waiting in each direction. When the way ends, Paho sees the end of its connection, and end() says why.
class Tunnel {
 public:
  /// Begins. Throws std::system_error when there are no more descriptors or threads.
  explicit Tunnel(Way way);
  /// Passes on what Paho has left behind, as far as it goes out at once, and ends. Paho's client is gone by then.
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  /// Paho's end.
  [[nodiscard]] const std::shared_ptr<StandIn>& stand_in() const { return stand_in_; }

  struct End {
    bool was_open = false;  ///< then the error is ConnectionLost, and its text the cause, "" if nobody knows one
    core::Error error;
  };
  /// Nothing while it lasts. Any thread.
  [[nodiscard]] std::optional<End> end() const;

  static constexpr std::size_t k_waiting_max = std::size_t{64} * 1024;

 private:
  struct Shared;
  class Passage;
  std::shared_ptr<StandIn> stand_in_;
  std::shared_ptr<Shared> shared_;
  runtime::Worker thread_{"hub-tunnel", 1};  // goes first
};

}  // namespace iotc_ha::hub
