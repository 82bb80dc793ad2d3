#pragma once

#include "settings.hpp"

#include <iotc_ha/core/outbox.hpp>
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

/// What device and hub say to each other while a session is open: telemetry out of the outbox, reported properties,
/// desired properties and their acknowledgements, direct methods, C2D. Telemetry is also produced while there is no
/// session; it waits in the outbox. Loop thread.
class Conversation {
 public:
  /// `on_silent`: the hub has left something unanswered for too long; the session is of no use any more. The error says
  /// what, without the hub's name.
  Conversation(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, const Settings& settings,
               std::function<void(core::AttemptId, core::Error)> on_silent);

  void begin();  ///< the sample starts to produce
  void settings_changed();

  void session_opened(core::AttemptId attempt, const std::string& twin_json);
  void session_ended();  ///< also when there was none

  void on(const hub::TelemetryAcknowledged& notice);
  void on(const hub::DesiredPatched& notice);
  void on(const hub::TwinAnswered& notice);
  void on(const hub::MethodInvoked& notice);
  void on(const hub::CommandReceived& notice);

  [[nodiscard]] std::string sensors() const { return sensors_.sources(); }
  /// "12 sent, 10 acknowledged, 2 waiting, 0 dropped", for the end of a life.
  [[nodiscard]] std::string account() const;

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
  void send_what_waits();
  void take_desired(const core::Result<azure::DesiredDocument>& document);
  void ask_for_twin();
  void report(Question::Kind kind, std::string patch);
  void refused(const hub::TwinAnswered& answer, Question::Kind kind);
  void look_for_silence();
  void tell_drops(const std::vector<std::uint64_t>& sequences, const char* why);

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  hub::Sessions& sessions_;
  const Settings& settings_;
  std::function<void(core::AttemptId, core::Error)> on_silent_;

  device::Sensors sensors_;
  core::Outbox outbox_;
  std::optional<Session> session_;
  std::map<std::uint64_t, Question> questions_;  ///< by $rid, so the first is the oldest

  const std::string boot_;  ///< tells this life of the process from others, in every message id
  std::uint64_t sequence_ = 0;
  std::uint64_t rid_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t dropped_ = 0;

  std::unique_ptr<runtime::Loop::Timer> telemetry_timer_;
  std::unique_ptr<runtime::Loop::Timer> battery_timer_;
  std::unique_ptr<runtime::Loop::Timer> silence_timer_;
  std::unique_ptr<runtime::Loop::Timer> twin_retry_timer_;
};

}  // namespace iotc_ha::daemon
