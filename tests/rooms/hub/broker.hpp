#pragma once

#include "certificates.hpp"

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

struct mosquitto;

/// The real peer: mosquitto with TLS on a loopback address of this process's own, and a second client on it that plays
/// the hub's part behind the broker (twin, methods, C2D).
namespace iotc_ha::hub_test {

/// In a network of this process's own: different for tests that run at the same moment.
[[nodiscard]] std::string own_address();
/// A port of that address on which nobody listens at this moment.
[[nodiscard]] std::uint16_t free_port();

class Broker {
 public:
  struct Options {
    KeyPair keys;
    bool refuse_everybody = false;  ///< CONNACK 5
    std::uint16_t port = 0;         ///< 0: any
  };
  Broker(std::filesystem::path folder, const Options& options);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t plain_port() const { return plain_port_; }
  void kill();   ///< SIGKILL
  void pause();  ///< SIGSTOP: sockets stay open and nothing answers
  [[nodiscard]] std::string log() const;

 private:
  std::filesystem::path folder_;
  std::uint16_t port_;
  std::uint16_t plain_port_;
  pid_t pid_ = -1;
};

class HubPlayer {
 public:
  struct Received {
    std::string topic;
    std::string payload;
  };

  explicit HubPlayer(const Broker& broker,
                     std::string twin = R"({"desired":{"$version":1},"reported":{"$version":1}})");
  ~HubPlayer();
  HubPlayer(const HubPlayer&) = delete;
  HubPlayer& operator=(const HubPlayer&) = delete;

  void publish(const std::string& topic, const std::string& payload, int qos);
  /// Waits until as many messages have come on topics that begin with `prefix`; fewer when time is over.
  [[nodiscard]] std::vector<Received> wait_for(const std::string& prefix, std::size_t count,
                                               std::chrono::milliseconds limit);

 private:
  void came(const std::string& topic, const std::string& payload);

  std::string twin_;
  mosquitto* client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool subscribed_ = false;
  std::vector<Received> received_;
};

}  // namespace iotc_ha::hub_test
