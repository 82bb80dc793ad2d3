#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// D-Bus: `io.github.iotc_ha`, object `/io/github/iotc_ha`. The only room that includes sdbus-c++.
namespace iotc_ha::bus {

/// What callers ask for. Called on the loop thread.
struct Requests {
  std::function<void()> reconnect;
  std::function<void()> reprovision;
  std::function<std::vector<core::HistoryEntry>(std::uint32_t max)> history;  ///< newest first
  std::function<std::string()> log_level;  ///< syslog name: "debug", "info", "notice" …
  std::function<core::Result<void>(const std::string& level)> set_log_level;
  std::function<std::string()> log_target;  ///< "journal" or "console"
  std::function<core::Result<void>(const std::string& target)> set_log_target;
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

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::bus
