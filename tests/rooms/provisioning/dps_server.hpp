#pragma once

#include "certificates.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace iotc_ha::provisioning {

/// What the server says to one request.
struct Says {
  int status = 200;
  std::string body;
  std::map<std::string, std::string> headers = {};
  bool nothing = false;  ///< keeps the connection open and never answers
};

/// What arrived.
struct Heard {
  std::string method;
  std::string target;  ///< path and query, as they were written
  std::string body;
  std::map<std::string, std::string> headers;
  int connection = 0;  ///< the client's port: the same for requests on one connection
};

inline Says assigning(const std::string& operation, const std::string& retry_after = "2") {
  return {202, R"({"operationId":")" + operation + R"(","status":"assigning"})", {{"Retry-After", retry_after}}};
}
inline Says assigned(const std::string& hub) {
  return {200,
          R"({"operationId":"op-1","status":"assigned","registrationState":{"registrationId":"dev-1","assignedHub":")" +
              hub + R"(","deviceId":"Dev-1","status":"assigned","substatus":"initialAssignment"}})"};
}

/// An HTTPS server on 127.0.0.1 that plays DPS: it says what it was told, one thing a request, and the last for ever.
class DpsServer {
 public:
  DpsServer(Identity identity, std::vector<Says> says);
  ~DpsServer();
  DpsServer(const DpsServer&) = delete;
  DpsServer& operator=(const DpsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::vector<Heard> heard() const;
  /// Each of the waits is false when that has not come about within a long time.
  [[nodiscard]] bool wait_for_requests(std::size_t count);
  /// Connections on which a handshake has been done, whether or not anything was said on them.
  [[nodiscard]] std::size_t connections() const;
  /// As many of them as resumed an earlier session.
  [[nodiscard]] std::size_t resumed() const;
  [[nodiscard]] bool wait_for_connections(std::size_t count, std::chrono::milliseconds limit = k_long_time);
  /// As many of them as are closed again.
  [[nodiscard]] bool wait_for_closed(std::size_t count);

  static constexpr std::chrono::milliseconds k_long_time{40'000};

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// A TCP listener on 127.0.0.1 that does not speak TLS.
class PlainListener {
 public:
  enum class Manner : std::uint8_t {
    Silent,  ///< accepts nothing; the kernel completes the connection
    Resets,  ///< accepts, reads something, closes with RST
    Refuses  ///< a proxy: reads the head of a request, answers 407
  };
  explicit PlainListener(Manner manner);
  ~PlainListener();
  PlainListener(const PlainListener&) = delete;
  PlainListener& operator=(const PlainListener&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string heard() const;

 private:
  void serve();

  const Manner manner_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

}  // namespace iotc_ha::provisioning
