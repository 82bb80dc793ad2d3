#pragma once

#include "receipts.hpp"

#include <iotc_ha/hub/session.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

/// The adapter to Paho: one client object for one attempt. It knows MQTT, and nothing of Azure.
namespace iotc_ha::hub {

// What becomes of the calls of Connection.
struct Connected {};
struct Subscribed {
  std::size_t filter;  ///< index into the filters
};
struct Arrived {
  std::string topic;
  std::string payload;
  std::shared_ptr<Receipt> receipt;  ///< only if Paho's thread waits for one
};
struct Oversized {  ///< dropped: its payload exceeds Sessions::k_payload_max
  std::string topic;
  std::size_t bytes;
};
struct Delivered {  ///< PUBACK for QoS 1; for QoS 0, handed to the socket
  std::uint32_t delivery;
};
struct Disconnected {};  ///< by disconnect(): the DISCONNECT packet is out
struct Broken {          ///< refused, failed or lost. The connection is of no further use; more of these may follow
  core::Error error;
};

/// What must not be acknowledged to the hub before it is on disk: messages on topics that begin with `topic_start`. The
/// message callback waits there for their receipts, and cuts the connection when it gets none.
struct Awaited {
  std::string topic_start;
  std::shared_ptr<Receipts> receipts;  ///< nobody's: then nothing is waited for
};
using Happening = std::variant<Connected, Subscribed, Arrived, Oversized, Delivered, Disconnected, Broken>;

/// Every member is called on the mqtt worker and none of them throws; what goes wrong comes as Broken. `sink` is called
/// on Paho's threads with Paho's process-wide mutex held, or on the worker: it may post and nothing else. A call may
/// take as long as a receipt, because of that mutex.
class Connection {
 public:
  using Sink = std::function<void(Happening)>;

  /// `endpoint.transport` is one of the two doors, not Auto. `clean_session`: the other side is to keep nothing.
  Connection(Endpoint endpoint, const Sink& sink, Awaited awaited, bool clean_session = false);
  /// Ends the connection if there is one. May block as long as Paho does.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// `address` is the numeric address of the host to be connected: the proxy if there is one, else the hub.
  void connect(const std::string& address);
  void subscribe(std::size_t filter, const std::string& topic_filter);
  /// `delivery` comes back in Delivered.
  void publish(std::uint32_t delivery, const std::string& topic, const std::string& payload, int qos);
  void disconnect();

 private:
  struct Paho;
  std::unique_ptr<Paho> paho_;
};

/// What a worker owns. Only its jobs touch it.
struct Bench {
  std::unique_ptr<Connection> connection;
};

/// The host whose name has to be resolved for this endpoint: the proxy's if there is one, else the hub's. Error
/// BadConfiguration when the proxy is not "http://[user:password@]host:port".
[[nodiscard]] core::Result<std::string> host_to_resolve(const Endpoint& endpoint);

}  // namespace iotc_ha::hub
