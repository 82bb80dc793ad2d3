#pragma once

#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/core/telemetry.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// What a device of the template `dtmi:Sample:Failover;1` (Failover.json) does. No thread, no clock, no logging.
namespace iotc_ha::device {

/// Where a value comes from.
struct Reading {
  double value = 0;
  bool simulated = false;
};

/// temp from /sys/class/thermal or hwmon, battery from /sys/class/power_supply, where the machine has them; else, and
/// for humidity always, a simulated walk. Files are read anew each time; a sensor that fails for a while falls back to
/// the walk.
class Sensors {
 public:
  /// `sys`: "/sys", another root in tests. `seed`: of the walk.
  explicit Sensors(std::filesystem::path sys, std::uint64_t seed);
  Reading temp();      ///< °C
  Reading humidity();  ///< % relative
  Reading battery();   ///< % of charge
  /// For the status: e.g. "temp: thermal_zone0 (x86_pkg_temp); humidity: simulated; battery: simulated"
  [[nodiscard]] std::string sources() const;

 private:
  std::filesystem::path sys_;
  std::uint64_t walk_;
  double temp_ = 20.2;
  double humidity_ = 40.4;
  double battery_ = 60.6;
};

/// `{"temp":21.5,"humidity":40.2}`: JSON numbers, '.' whatever the locale, one decimal.
[[nodiscard]] std::string telemetry_body(const Reading& temp, const Reading& humidity);
/// `{"battery":60.6}`, a reported patch.
[[nodiscard]] std::string battery_patch(const Reading& battery);

struct MethodAnswer {
  int status;
  std::string json;
  std::string journal;  ///< one line, without the payload
};
/// `echo` answers 200 with its payload as it came (the template's request and response are both one string). Unknown:
/// 404 and `{"error":"…"}`. A payload that is not JSON: 400 and `{"error":"…"}`.
[[nodiscard]] MethodAnswer answer_method(std::string_view name, std::string_view payload);

/// What to write into the journal for a C2D message: `setAlarm` with its time, an unknown or missing `method-name`.
struct CommandOutcome {
  bool known = false;
  std::string journal;
};
[[nodiscard]] CommandOutcome take_command(const core::Properties& properties, std::string_view payload);

/// The acknowledgement of every property of a desired document: fanSpeed is applied (integer) or 400, any other key
/// 404.
struct DesiredOutcome {
  std::vector<azure::Acknowledgement> acknowledgements;
  std::optional<std::int64_t> fan_speed;  ///< set when this document has set it
  std::string journal;
};
[[nodiscard]] DesiredOutcome apply_desired(const azure::DesiredDocument& document);

}  // namespace iotc_ha::device
