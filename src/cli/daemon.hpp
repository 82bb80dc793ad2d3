#pragma once

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/core/telemetry.hpp>

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
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

/// The exit status for it, as sysexits.h has them.
[[nodiscard]] int exit_status(Outcome outcome);

/// What the daemon says about itself.
struct About {
  core::Status status;
  std::string model_id;
  std::string version;
};

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

 private:
  class Inside;
  explicit Daemon(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::cli
