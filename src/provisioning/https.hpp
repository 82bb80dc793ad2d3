#pragma once

#include "bell.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace iotc_ha::provisioning {

/// Whom to talk to, and by what way.
struct Destination {
  std::string host;
  std::uint16_t port = 443;
  std::string ca_file;  ///< empty: the system's trust store
  std::string proxy;    ///< "http://[user:password@]host:port" or empty
};

struct Request {
  enum class Method : std::uint8_t { Get, Put } method = Method::Get;
  std::string path;            ///< with its query, percent-encoded
  std::string body;            ///< JSON; for Put
  core::Secret authorization;  ///< the header's value
};

struct Reply {
  int status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::chrono::sys_seconds> date;  ///< the server's clock
};

/// HTTPS for one thread, one request at a time; connections are kept between requests. Only wake() is for other
/// threads.
class Https {
 public:
  using Clock = std::chrono::steady_clock;
  /// Asked whenever we wake up; false ends the wait.
  using Wanted = std::function<bool()>;
  /// Called when the request has gone out on a connection: again when that was a dead one and it is repeated.
  using Sent = std::function<void()>;
  /// What an exchange has been waiting for; nothing while it is still to wait.
  struct Release {
    core::Secret authorization;
    Clock::time_point deadline;
  };
  using Released = std::function<std::optional<Release>()>;

  Https();
  ~Https();
  Https(const Https&) = delete;
  Https& operator=(const Https&) = delete;

  /// Any HTTP status is a Reply. An error is one of the network: NameNotResolved, Unreachable, TimedOut, TlsRefused,
  /// ConnectionLost; DpsProtocol for an answer over k_body_bytes_max; or Cancelled once `wanted` answers false.
  [[nodiscard]] core::Result<Reply> exchange(const Destination& destination, const Request& request,
                                             Clock::time_point deadline, const Wanted& wanted, const Sent& on_sent);
  /// As exchange(), but nothing is said on the connection before `released` answers what is missing in `request`.
  /// Until then `wanted` alone limits it. The connection is closed if it comes to nothing.
  [[nodiscard]] core::Result<Reply> exchange_when_released(const Destination& destination, Request request,
                                                           const Released& released, const Wanted& wanted,
                                                           const Sent& on_sent);
  /// Waits until `when`, and not longer than it is wanted.
  void pause_until(Clock::time_point when, const Wanted& wanted);
  /// Makes the call that is under way ask `wanted` now, or the next one if none is. Any thread.
  void wake() { bell_.ring(); }

  static constexpr std::size_t k_body_bytes_max = 64U << 10U;
  /// Name look-up, TCP and TLS. A SYN is repeated after 1, 3 and 7 s: four chances.
  static constexpr std::chrono::seconds k_connect_max{15};
  /// A server that is silent for so long does not answer any more (the limit of Microsoft's SDKs).
  static constexpr std::chrono::seconds k_answer_max{30};
  /// On a kept connection, which may have died unnoticed: then a new one is tried.
  static constexpr std::chrono::seconds k_kept_answer_max{5};

 private:
  struct Handles;
  struct Terms {
    Clock::time_point deadline;
    const Wanted& wanted;
    const Sent& on_sent;
    const Released* released = nullptr;  ///< for a request that waits; `deadline` counts for nothing then
    bool may_reuse = true;
  };

  /// Nothing: given up, as it is no longer wanted or the connection that had waited is dead.
  std::optional<core::Result<Reply>> transfer(const Destination& destination, const Request& request,
                                              const Terms& terms);

  Bell bell_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace iotc_ha::provisioning
