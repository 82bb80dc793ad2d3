#pragma once

#include "commands.hpp"
#include "interpreter.hpp"
#include "sample.hpp"
#include "settings.hpp"
#include "twin.hpp"
#include "uplink.hpp"
#include "watch.hpp"

#include <iotc_ha/bus/service.hpp>
#include <iotc_ha/core/registration.hpp>
#include <iotc_ha/core/supervisor.hpp>
#include <iotc_ha/courier/client.hpp>
#include <iotc_ha/hub/registrar.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/runtime/world.hpp>
#include <iotc_ha/spool/store.hpp>

#include <memory>
#include <optional>
#include <random>
#include <string>

namespace iotc_ha::daemon {

/// The wiring: what happens outside becomes an event for the core, what the core answers goes to the interpreter, and
/// one timer stands at the state's deadline. Loop thread.
class Agent {
 public:
  /// `sources`: read again at a reload. `bus_address`: as in bus::Service.
  Agent(runtime::Loop& loop, runtime::Journal& journal, config::Sources sources, Settings settings,
        std::unique_ptr<spool::Store> store, courier::Program dps_program, const std::string& bus_address);

  /// Opens or asks for the first session. The loop runs it from here on.
  void begin();
  void reload();
  void stop();

  /// After the loop has ended: a thread is still inside a library, so that only _exit() ends the process.
  [[nodiscard]] bool workers_abandoned() const { return workers_abandoned_; }

 private:
  void decide(const core::Event& event);
  void take(core::Step step);
  void on(const hub::Notice& notice);
  void on(const core::RegistrationNotice& notice);
  void on(const runtime::World::News& news);
  void publish_status();
  void pulse();
  void silent(core::AttemptId attempt, core::Error error);
  void look_for_quiet();
  void end();
  void abandon_workers();  ///< so that the process can end although one of them never comes back
  [[nodiscard]] core::Context context();
  [[nodiscard]] std::optional<core::Remembered> remembered();
  void recall();         ///< what the last life left on disk, if it was this device's
  void keep_identity();  ///< and nothing of the twin
  [[nodiscard]] bus::Requests requests();
  void add_requests_of_programs(bus::Requests& requests);

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  const config::Sources sources_;
  Settings settings_;

  std::unique_ptr<spool::Store> store_;
  hub::Sessions sessions_;
  courier::Client dps_;
  hub::Registrar registrar_;
  bus::Service bus_;
  Interpreter interpreter_;
  Watch watch_;
  Uplink uplink_;
  Twin twin_;
  Commands commands_;
  Sample sample_;

  runtime::World world_;
  core::DpsStanding kept_standing_;  ///< of the last life

  std::mt19937_64 chance_{std::random_device{}()};
  core::Supervisor supervisor_{core::state::Halted{}, {}, {}};  ///< until begin()
  core::Instant opening_since_{};                               ///< of the last session
  bool workers_abandoned_ = false;
  std::unique_ptr<runtime::Loop::Timer> deadline_;
  std::unique_ptr<runtime::Loop::Timer> pulse_;
  std::unique_ptr<runtime::Loop::Timer> last_resort_;  ///< ends the process when stopping hangs
};

}  // namespace iotc_ha::daemon
