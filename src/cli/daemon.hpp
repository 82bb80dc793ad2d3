#pragma once

#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/command.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/core/telemetry.hpp>

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace iotc_ha::cli {

/// What a call came to, as far as it makes a difference here.
enum class Outcome : std::uint8_t {
  NoBus,         ///< no connection to the bus
  NotRunning,    ///< nobody has the daemon's name on the bus
  NotPermitted,  ///< the bus refuses us
  NoAnswer,      ///< sent, and not answered: it may have been done or not
  Busy,          ///< a queue of the daemon is at its limit for now
  BadOption,     ///< an argument makes no sense
  BadMessage,    ///< the message cannot be sent to a hub: not JSON, too large ...
  NotNow,        ///< the same call may succeed later: the disk is full, no hub is there ...
  Other,
};
struct Failure {
  Outcome outcome;
  std::string name;  ///< of the error, without what all names of ours begin with: "InvalidPayload"
  std::string text;  ///< one line for people
};
template <typename T>
using Result = tl::expected<T, Failure>;
using Clock = std::chrono::steady_clock;

/// The exit status for it, as sysexits.h has them.
[[nodiscard]] int exit_status(Outcome outcome);

/// What the daemon says about itself.
struct About {
  core::Status status;
  std::string model_id;
  std::string version;
};

/// The device's twin as the daemon knows it. JSON objects.
struct Twin {
  std::string desired;
  std::uint64_t version = 0;  ///< of the desired properties
  std::string reported;
  std::vector<std::string> unacknowledged;
};

// What the daemon tells of while one listens.
struct StateTold {
  core::WallTime since;
  std::string state;
  std::string reason;
  std::string hub;  ///< "" for none
  friend bool operator==(const StateTold&, const StateTold&) = default;
};
struct FailedOver {
  std::string from;
  std::string to;
  std::chrono::microseconds duration;
};
struct MessagesDropped {
  std::uint64_t first;
  std::uint64_t last;
  std::string reason;
};
struct DesiredChanged {
  std::string json_patch;
  std::uint64_t version;
};
struct DaemonLeft {};
struct DaemonCame {};  ///< (again:) it knows nothing of earlier claims. Its state follows
using Event =
    std::variant<StateTold, FailedOver, MessagesDropped, DesiredChanged, core::Invocation, DaemonLeft, DaemonCame>;

/// The running daemon, at the other end of a bus. Every call blocks until it is answered, and for a minute at most.
class Daemon {
 public:
  /// `bus`: "system", "session", or a D-Bus address.
  static Result<Daemon> connect(const std::string& bus);
  Daemon(Daemon&&) noexcept;
  Daemon& operator=(Daemon&&) noexcept;
  ~Daemon();

  /// Hands messages in, all or none: those bodies, each with what `form` says beside its own body. A `created` of the
  /// epoch is left to the daemon, and means now.
  Result<core::Sequences> submit(const std::vector<std::string>& bodies, const core::Submission& form);
  /// Waits until a hub has everything up to a number. The call takes a little longer than `timeout` at most.
  Result<void> flush(std::uint64_t sequence, std::chrono::microseconds timeout);
  Result<std::vector<core::Account>> accounts();  ///< oldest life first
  Result<core::SpoolFigures> figures();
  Result<About> about();
  Result<std::vector<core::HistoryEntry>> history(std::uint32_t max);  ///< newest first
  Result<void> reconnect();
  Result<void> reprovision();

  Result<Twin> twin();
  Result<std::vector<std::string>> unacknowledged();
  Result<void> report(const std::string& merge_patch);  ///< returns when it is on disk
  /// Makes us responsible for these names, until we or the daemon end.
  Result<void> claim_properties(const std::vector<std::string>& names);
  Result<void> claim_commands(const std::vector<std::string>& names);
  Result<void> acknowledge(const azure::Acknowledgement& answer);
  Result<void> complete(std::uint64_t id, std::int32_t status, const std::string& json_payload);

  /// Asks for events from now on; the present state is the first. Only the daemon's own are told, and the bus's.
  Result<void> listen();
  /// Waits until there is an event, or it is `until` (true), or `interrupt` can be read (false).
  Result<bool> wait(int interrupt, std::optional<Clock::time_point> until = std::nullopt);
  std::optional<Event> take_event();

 private:
  class Inside;
  explicit Daemon(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::cli
