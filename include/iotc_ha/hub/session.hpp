#pragma once

#include <iotc_ha/core/assignment.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>
#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// MQTT sessions with a hub. The only room that includes Paho; Paho itself runs on a worker of this room.
namespace iotc_ha::hub {

/// The way to a hub.
enum class Transport : std::uint8_t {
  Mqtt,       ///< port 8883
  WebSocket,  ///< port 443
  Auto,       ///< 8883, and 443 where that does not get through; begins with what got through last on this network
};

/// Everything that one attempt needs. The password is made for this attempt and for no other.
struct Endpoint {
  core::Assignment assignment;
  Transport transport = Transport::Mqtt;
  std::uint16_t mqtt_port = 8883;
  std::uint16_t websocket_port = 443;
  std::string user_name;
  core::Secret password;
  std::chrono::seconds keep_alive{12};
  std::chrono::milliseconds timeout{20'000};
  std::filesystem::path ca_file;  ///< empty: the system's trust store
  std::string proxy;              ///< "http://[user:password@]host:port" or empty
};

// What comes back, on the loop thread, each with the attempt that it belongs to.
struct Opened {  ///< CONNACK 0. The four subscriptions are on their way; what the owner sends now follows them at once
  core::AttemptId attempt;
};
struct Lost {  ///< could not be opened, or was open and is gone. Nothing follows for this attempt
  core::AttemptId attempt;
  core::Error error;
};
struct Closed {  ///< ended by close(), cleanly or at its deadline. Nothing follows for this attempt
  core::AttemptId attempt;
};
struct TelemetryAcknowledged {  ///< PUBACK: the hub has it
  core::AttemptId attempt;
  std::uint64_t sequence;
};
struct DesiredPatched {
  core::AttemptId attempt;
  std::string patch_json;
};
struct TwinAnswered {  ///< to report() or get_twin(); `body` is the twin for a GET
  core::AttemptId attempt;
  std::uint64_t rid;
  int status;
  std::string body;
};
struct MethodInvoked {
  core::AttemptId attempt;
  std::string name;
  std::string rid;
  std::string payload;
};
/// The way to tell Paho's thread, which waits for it, that a C2D message is on disk. Let go of without a word, or after
/// `k_receipt_max`, the hub gets no PUBACK: the connection is cut, and the hub sends the message again. Loop thread.
class Receipt {
 public:
  virtual ~Receipt() = default;
  virtual void stored() = 0;
};
struct CommandReceived {  ///< C2D. Paho stands still until the receipt is given
  core::AttemptId attempt;
  core::Properties properties;
  std::string payload;
  std::shared_ptr<Receipt> receipt;
};
struct Ignored {  ///< something that the hub sent and nobody can read; for the journal
  core::AttemptId attempt;
  core::Error error;
};
using Notice = std::variant<Opened, Lost, Closed, TelemetryAcknowledged, DesiredPatched, TwinAnswered, MethodInvoked,
                            CommandReceived, Ignored>;

/// One session at a time: open() ends the one before at once and without a DISCONNECT, and that one is told
/// Lost{Cancelled}; only a session that is being closed already is waited for, within its drain, so that nothing in
/// flight is sent twice for a planned change. Exactly one Lost or Closed ends an attempt, and nothing follows it. All
/// calls are for the loop thread and return at once; a call for an attempt that is over does nothing, nor does one that
/// needs an open session (send, report, get_twin, answer_method) before Opened.
///
/// Paho honours `http_proxy` and `https_proxy` of the environment whatever it is told: the process unsets both at its
/// start, before it has a second thread.
class Sessions {
 public:
  /// `on_notice` is called on the loop thread, never from inside a call of this class. `loop` must live longer.
  Sessions(runtime::Loop& loop, std::function<void(Notice)> on_notice);
  /// Ends what is open. Waits at most `k_end_max` for Paho; a worker that hangs longer is let go of as by abandon().
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  /// Answered by Opened or Lost within `endpoint.timeout`, and the drain of the session before.
  void open(core::AttemptId attempt, Endpoint endpoint);
  /// QoS 1. Answered by TelemetryAcknowledged, or the session ends. Also while the session is being closed, until its
  /// drain is over or nothing is in flight.
  void send(core::AttemptId attempt, core::Telemetry message);
  /// A reported patch. Answered by TwinAnswered with `rid`, or the session ends.
  void report(core::AttemptId attempt, std::uint64_t rid, std::string patch_json);
  void get_twin(core::AttemptId attempt, std::uint64_t rid);
  /// Also while the session is being closed, like send(); nothing waits for it.
  void answer_method(core::AttemptId attempt, const std::string& rid, int status, std::string json);
  /// DISCONNECT when nothing is in flight, or after `drain`. Answered by Closed.
  void close(core::AttemptId attempt, std::chrono::milliseconds drain);

  /// For how long the worker has been inside one call of Paho; nothing when it is idle. For the watchdog.
  [[nodiscard]] std::optional<std::chrono::microseconds> stuck_for() const;
  /// What Transport::Auto has learned is of another network.
  void network_changed();

  /// Lets go of a worker that does not come back, so that the process can end: by _exit(), because Paho's own threads
  /// are still there.
  void abandon();

  static constexpr std::size_t k_payload_max = std::size_t{256} * 1024;  ///< what the hub sends above this is Ignored
  static constexpr std::chrono::milliseconds k_end_max{2'000};
  static constexpr std::chrono::milliseconds k_receipt_max{5'000};

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // shared with what has been posted to the loop
};

}  // namespace iotc_ha::hub
