#pragma once

#include "repetition.hpp"
#include "settings.hpp"
#include "uplink.hpp"

#include <iotc_ha/core/policy.hpp>
#include <iotc_ha/device/sample.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace iotc_ha::daemon {

/// What the sample device and the hub say to each other: reported properties, desired properties and their
/// acknowledgements, direct methods, C2D while a session is open; and telemetry, which goes into the uplink as that of
/// any other program does, session or not. Loop thread.
class Conversation {
 public:
  /// `on_silent`: the hub has left something unanswered for too long; the session is of no use any more. The error says
  /// what, without the hub's name.
  Conversation(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, Uplink& uplink,
               const Settings& settings, std::function<void(core::AttemptId, core::Error)> on_silent);

  void begin();  ///< the sample starts to produce telemetry
  void stop();   ///< and ends it
  void settings_changed();

  void session_opened(core::AttemptId attempt, const std::string& twin_json);
  void session_ended();  ///< also when there was none

  void on(const hub::DesiredPatched& notice);
  void on(const hub::TwinAnswered& notice);
  void on(const hub::MethodInvoked& notice);
  void on(const hub::CommandReceived& notice);

  [[nodiscard]] std::string sensors() const { return sensors_.sources(); }

 private:
  struct Session {
    core::AttemptId attempt;
    std::uint64_t desired_version = 0;
  };
  /// Something that the hub has to answer.
  struct Question {
    enum class Kind : std::uint8_t { Battery, Acknowledgements, Twin } kind;
    core::Instant asked_at;
  };

  void produce_telemetry();
  void send_battery();
  void take_desired(const core::Result<azure::DesiredDocument>& document);
  void ask_for_twin();
  void report(Question::Kind kind, std::string patch);
  void refused(const hub::TwinAnswered& answer, Question::Kind kind);
  void look_for_silence();

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  hub::Sessions& sessions_;
  Uplink& uplink_;
  const Settings& settings_;
  std::function<void(core::AttemptId, core::Error)> on_silent_;

  device::Sensors sensors_;
  std::optional<Session> session_;
  std::map<std::uint64_t, Question> questions_;  ///< by $rid, so the first is the oldest

  std::uint64_t rid_ = 0;
  Repetition not_accepted_;  ///< telemetry of ours

  std::unique_ptr<runtime::Loop::Timer> telemetry_timer_;
  std::unique_ptr<runtime::Loop::Timer> battery_timer_;
  std::unique_ptr<runtime::Loop::Timer> silence_timer_;
  std::unique_ptr<runtime::Loop::Timer> twin_retry_timer_;
};

}  // namespace iotc_ha::daemon
