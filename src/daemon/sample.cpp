#include "sample.hpp"

#include <random>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using runtime::Severity;

std::uint64_t random_number() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace

Sample::Sample(runtime::Loop& loop, runtime::Journal& journal, Uplink& uplink, Twin& twin, const Settings& settings)
    : loop_(loop),
      journal_(journal),
      uplink_(uplink),
      twin_(twin),
      settings_(settings),
      sensors_("/sys", random_number()),
      telemetry_timer_(loop.make_timer([this] { produce_telemetry(); })),
      battery_timer_(loop.make_timer([this] { report_battery(); })) {}

void Sample::begin() { produce_telemetry(); }

void Sample::stop() { telemetry_timer_->disarm(); }

void Sample::settings_changed() {
  produce_telemetry();
  report_battery();
}

void Sample::session_opened() {
  session_ = true;
  report_battery();
}

void Sample::session_ended() {
  session_ = false;
  battery_timer_->disarm();
}

void Sample::produce_telemetry() {
  const config::Sample& sample = settings_.config.sample;
  if (!sample.telemetry_send) return telemetry_timer_->disarm();
  const auto temp = sensors_.temp();
  const auto humidity = sensors_.humidity();
  core::Submission message;
  message.body = device::telemetry_body(temp, humidity);
  message.created = loop_.wall_now();
  uplink_.submit({std::move(message)}, [this](const core::Result<core::Sequences>& accepted) {
    if (accepted) return not_accepted_.over();
    if (!not_accepted_.again()) return;
    journal_.write(Severity::Error, "telemetry of the sample was not accepted (" +
                                        std::to_string(not_accepted_.count()) + " in a row): " + accepted.error().what);
  });
  telemetry_timer_->arm(loop_.now() + sample.telemetry_period);
}

void Sample::report_battery() {
  const config::Sample& sample = settings_.config.sample;
  if (!session_ || !sample.reported_property_send) return battery_timer_->disarm();
  twin_.report_passing(device::battery_patch(sensors_.battery()));
  battery_timer_->arm(loop_.now() + sample.reported_property_period);
}

}  // namespace iotc_ha::daemon
