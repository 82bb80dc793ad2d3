#pragma once

#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/command.hpp>
#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// D-Bus: `io.github.iotc_ha`, object `/io/github/iotc_ha`. The only room that includes sdbus-c++.
namespace iotc_ha::bus {

/// The answer to a caller who waits for something. On the loop thread, once, at any time; when the caller or the bus
/// has gone meanwhile, it goes nowhere.
template <typename T>
using Answer = std::function<void(core::Result<T>)>;

/// The desired properties as a hub last told them.
struct Desired {
  std::string json;
  std::uint64_t version = 0;
};

/// What callers ask for. Called on the loop thread.
struct Requests {
  std::function<void()> reconnect;
  std::function<void()> reprovision;
  std::function<std::vector<core::HistoryEntry>(std::uint32_t max)> history;  ///< newest first
  std::function<std::string()> log_level;  ///< syslog name: "debug", "info", "notice" …
  std::function<core::Result<void>(const std::string& level)> set_log_level;
  std::function<std::string()> log_target;  ///< "journal" or "console"
  std::function<core::Result<void>(const std::string& target)> set_log_target;
  /// Accepts messages, all or none. Answered when they are on disk. `created` is set in each.
  std::function<void(std::vector<core::Submission> messages, Answer<core::Sequences>)> submit;
  /// Answered when hubs have acknowledged everything up to a number, or with TimedOut, MessagesDropped, Busy.
  std::function<void(std::uint64_t sequence, std::chrono::microseconds timeout, Answer<void>)> flush;
  std::function<void(Answer<std::vector<core::Account>>)> accounts;  ///< oldest life first
  std::function<core::SpoolFigures()> figures;

  // Twin1. Names of properties and commands are those of the model, "component*name" when they are of a component.
  /// A merge patch; answered when it is on disk, or with InvalidPayload, PayloadTooLarge, StorageFailed, Busy.
  std::function<void(std::string merge_patch, Answer<void>)> report;
  std::function<std::string()> reported;
  std::function<Desired()> desired;
  /// Error Busy names a property that another program has; then none is claimed.
  std::function<core::Result<void>(const core::Caller&, std::vector<std::string> names)> claim_properties;
  /// Answered when it is on disk, or with NotClaimed, InvalidPayload, PayloadTooLarge, StorageFailed, Busy.
  std::function<void(const core::Caller&, azure::Acknowledgement, Answer<void>)> acknowledge;
  std::function<std::vector<std::string>()> unacknowledged;  ///< desired properties that nobody has answered

  // Commands1
  std::function<core::Result<void>(const core::Caller&, std::vector<std::string> names)> claim_commands;
  /// Errors NotClaimed (not the caller's, or never heard of), AlreadyCompleted, TimedOut, NotConnected, InvalidPayload,
  /// PayloadTooLarge, StorageFailed. Of a durable command: answered when that is on disk.
  std::function<void(const core::Caller&, std::uint64_t id, std::int32_t status, std::string payload, Answer<void>)>
      complete;

  /// A program that has claimed something has left the bus, or the bus is gone.
  std::function<void(const core::Caller&)> caller_left;
};
struct Identity {
  std::string version;
  std::string model_id;
};

/// Serves the bus from the loop. When the bus is not there, or goes away, it tries again every few seconds for ever and
/// claims the name anew; the daemon goes on without it.
class Service {
 public:
  /// `address`: "system", "session", or a D-Bus address. `note` gets one line for the journal when the bus is lost,
  /// found again, or refuses the name. Does not fail: an absent bus is waited for.
  Service(runtime::Loop& loop, std::string address, const Identity& identity, Requests requests,
          std::function<void(const std::string& line)> note);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Sets the Agent1 properties; emits one PropertiesChanged with those that differ.
  void publish(const core::Status& status);
  void publish_model(const std::string& model_id);  ///< after a reload
  /// Emits Agent1.FailedOver.
  void failed_over(const std::string& from, const std::string& to, std::chrono::microseconds duration);
  /// The figures of the spool have changed: one PropertiesChanged of Telemetry1 at most every `k_figures_period`, with
  /// those that differ.
  void figures_changed();
  /// Emits Telemetry1.MessagesDropped.
  void messages_dropped(const core::Dropped& dropped);

  /// Emits Twin1.DesiredChanged to one program, Commands1.Invoked to one program.
  void desired_changed(const core::Caller& to, const std::string& patch_json, std::uint64_t version);
  void invoked(const core::Caller& to, const core::Invocation& invocation);
  void unacknowledged_changed();  ///< PropertiesChanged of Twin1

  static constexpr std::chrono::milliseconds k_figures_period{1'000};

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::bus
