#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

/// The places where sdbus-c++ 1 (Debian 12) and 2 (Debian 13) differ for us.
namespace iotc_ha::bus {

#if IOTC_HA_SDBUS_MAJOR >= 2
using PropertyName = sdbus::PropertyName;
using BusName = sdbus::ServiceName;
using ErrorName = sdbus::Error::Name;
using ReplyError = std::optional<sdbus::Error>;

inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingEvent(); }
inline std::chrono::microseconds time_left(const sdbus::IConnection::PollData& poll) {
  const auto left = poll.getRelativeTimeout();
  return left == std::chrono::microseconds::max() ? std::chrono::microseconds{-1} : left;
}
inline std::string sender_of_call(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage().getSender();
}
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule, Handler handler) {
  return connection.addMatch(rule, std::move(handler), sdbus::return_slot);
}
#else
using PropertyName = std::string;
using BusName = std::string;
using ErrorName = std::string;
using ReplyError = const sdbus::Error*;  ///< of an asynchronous call; none when it was answered

/// Handles one message that waits; false when there is none.
inline bool handle_one(sdbus::IConnection& connection) { return connection.processPendingRequest(); }
/// Until handle_one() must be called though nothing came; negative: never.
inline std::chrono::microseconds time_left(const sdbus::IConnection::PollData& poll) {
  return poll.getRelativeTimeout().value_or(std::chrono::microseconds{-1});
}
/// The unique name of who calls the method that is being handled.
inline std::string sender_of_call(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage()->getSender();
}
/// Until the slot goes. Blocks until the bus has answered; throws sdbus::Error.
template <typename Handler>
sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule, Handler handler) {
  return connection.addMatch(rule, std::move(handler));
}
#endif

/// Emits a signal that one program receives and no other. Throws sdbus::Error when the connection is gone.
template <typename... Values>
void emit_to(sdbus::IObject& object, const std::string& receiver, const char* interface, const char* name,
             const Values&... values) {
  sdbus::Signal signal = object.createSignal(interface, name);
  (signal << ... << values);
  signal.setDestination(receiver);
  object.emitSignal(signal);
}

}  // namespace iotc_ha::bus
