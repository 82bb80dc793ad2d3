#pragma once

#include "repetition.hpp"
#include "settings.hpp"
#include "twin.hpp"
#include "uplink.hpp"

#include <iotc_ha/device/sample.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <memory>
#include <string>

namespace iotc_ha::daemon {

/// What the sample device says by itself: telemetry, which goes into the uplink as that of any other program does,
/// session or not, and while there is a session its battery. Loop thread.
class Sample {
 public:
  Sample(runtime::Loop& loop, runtime::Journal& journal, Uplink& uplink, Twin& twin, const Settings& settings);

  void begin();
  void stop();
  void settings_changed();
  void session_opened();
  void session_ended();  ///< also when there was none

  [[nodiscard]] std::string sensors() const { return sensors_.sources(); }

 private:
  void produce_telemetry();
  void report_battery();

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  Uplink& uplink_;
  Twin& twin_;
  const Settings& settings_;

  device::Sensors sensors_;
  bool session_ = false;
  Repetition not_accepted_;  ///< telemetry of ours
  std::unique_ptr<runtime::Loop::Timer> telemetry_timer_;
  std::unique_ptr<runtime::Loop::Timer> battery_timer_;
};

}  // namespace iotc_ha::daemon
