#pragma once

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iotc_ha::core {

/// What went wrong, as far as a decision depends on it. Closed: the supervisor decides on these and never on text.
enum class Fault : std::uint8_t {
  // The network, as seen from here
  NameNotResolved,  ///< the host's name gave no address
  Unreachable,      ///< refused, no route, reset while connecting
  TimedOut,         ///< no answer within the limit that we had set
  TlsRefused,       ///< handshake failed or the certificate was not accepted
  ConnectionLost,   ///< an open connection was closed by the other side or by the network
  Silent,           ///< the connection is open, but what must be answered was not (PUBACK, PINGRESP, SUBACK, twin)
  // The hub's refusals (MQTT 3.1.1 §3.2.2.3)
  HubUnavailable,     ///< CONNACK 3: device disabled or moved, hub failing over, or overload
  HubBadCredentials,  ///< CONNACK 4: user name or password malformed
  HubNotAuthorized,   ///< CONNACK 5: wrong key, expired token, unknown, disabled or moved device
  HubProtocol,        ///< CONNACK 1 or 2, a refused SUBSCRIBE, an unreadable twin: a bug of ours or theirs
  // DPS answers (HTTP status or the errorCode of a body)
  DpsUnauthorized,  ///< 401: wrong key, clock, blocked or unapproved device
  ClockWrong,       ///< 401, and the answer's Date says that our clock is off by more than Azure tolerates
  DpsForbidden,     ///< 403: IP filter or public access off
  DpsNotFound,      ///< 404: scope, enrolment or operation unknown
  DpsConflict,      ///< 409, 412: another operation on this registration is under way
  DpsThrottled,     ///< 429
  DpsUnavailable,   ///< 5xx
  DpsFailed,        ///< status "failed": allocation failed, or the device waits for approval (400207, 400208, 400209)
  DpsDisabled,      ///< status "disabled": an operator has disabled the enrolment
  DpsProtocol,      ///< an answer that cannot be read, or 400, 405, 415: a bug of ours or theirs
  // This machine
  BadConfiguration,  ///< a value that only an operator can mend
  BadCredential,     ///< a key that is not base64, has the wrong length or cannot be read
  StorageFailed,     ///< the disk refused
  InvalidPayload,    ///< JSON or a document that does not parse
  PayloadTooLarge,   ///< over the hub's limit
  SpoolFull,         ///< `[spool] max_bytes` is reached, and nothing may go for the new message
  MessagesDropped,   ///< what was waited for left the queue without a hub having it
  NotClaimed,        ///< a property or a command that belongs to another program, or to none
  NotConnected,      ///< what was to be answered went with its session
  AlreadyCompleted,  ///< it has had its answer
  Busy,              ///< a queue of ours is at its limit, a process of ours does not start, or we are about to end
  Cancelled,         ///< given up by ourselves, for a newer attempt or for the end
};

/// The name that users see (D-Bus `LastError`, journal `IOTC_CAUSE`), e.g. "HubNotAuthorized".
[[nodiscard]] std::string_view name_of(Fault fault) noexcept;

/// A failure as a value. `what` is one line for an operator, without secrets.
struct Error {
  Fault fault;
  std::string what;
  std::optional<std::chrono::seconds> retry_after{};  ///< what the service asked us to wait, if it did

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(Fault fault, std::string what) {
  return tl::unexpected<Error>(Error{fault, std::move(what), {}});
}

}  // namespace iotc_ha::core
