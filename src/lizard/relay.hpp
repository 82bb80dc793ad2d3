#pragma once

#include "files.hpp"

#include <iotc_ha/core/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace iotc_ha::lizard {

/// A long way between clients and servers: hands bytes, ends and resets of TCP connections on exactly `delay` after
/// they came, in both directions. The round trip of the TCP handshake, which loopback does not have, is put before what
/// a client sends first. A peer that does not read is not given more than the buffers hold, and its sender waits. All
/// calls may come from any thread.
class Relay {
 public:
  struct Endpoint {
    std::string address;  ///< IPv4
    std::uint16_t port = 0;
  };

  explicit Relay(std::chrono::milliseconds delay);
  /// Resets all connections.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  Relay(Relay&&) = delete;
  Relay& operator=(Relay&&) = delete;

  /// Listens on `from`, and hands on to `to`. Error BadConfiguration names the address and what to do about it.
  [[nodiscard]] core::Result<void> open(const Endpoint& from, const Endpoint& to);
  /// New connections to the address are refused from now on; those that there are go on.
  void close(const std::string& address);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Kind : std::uint8_t { Bytes, End, Reset };
  struct Piece {
    Clock::time_point due;
    Kind kind;
    std::string bytes;
  };
  /// What one side of a connection has sent and the other does not have yet.
  struct Flow {
    std::deque<Piece> pieces;
    std::size_t bytes = 0;  ///< in all of them
    std::size_t sent = 0;   ///< of the first
    bool blocked = false;   ///< the other side takes no more for the moment
  };
  struct Side {
    Descriptor socket;
    Flow flow;  ///< what came from here
    bool read_to_end = false;
    bool written_to_end = false;
    std::uint32_t interest = 0;
  };
  struct Connection {
    std::array<Side, 2> sides;  ///< client, server
    Clock::time_point opened;   ///< before this, the handshake is still on its way
  };
  struct Listener {
    Descriptor socket;
    Endpoint from;
    Endpoint to;
  };
  using Connections = std::map<std::uint64_t, Connection>;

  void run();
  void accept_all(const Listener& listener);
  void connect(Descriptor client, const Endpoint& to);
  void read(Connection& connection, std::size_t side);
  void end(Connection& connection, std::size_t side, Kind kind);
  void deliver(Connection& connection, std::size_t side, Clock::time_point now);
  [[nodiscard]] static bool write(Flow& flow, Side& to);
  /// Tells epoll what each side waits for. False when nothing is left of the connection.
  [[nodiscard]] bool settle(std::uint64_t id, Connection& connection) const;
  void set_timer();

  const std::chrono::milliseconds delay_;
  Descriptor epoll_;
  Descriptor timer_;
  Descriptor wake_;
  std::mutex mutex_;  // over all below
  std::map<std::uint64_t, Listener> listeners_;
  Connections connections_;
  std::uint64_t last_id_ = 0;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace iotc_ha::lizard
