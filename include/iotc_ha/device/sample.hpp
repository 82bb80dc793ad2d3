#pragma once

#include <iotc_ha/azure/twin.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a device of the template `dtmi:Sample:Failover;1` (Failover.json) does. No thread, no clock, no logging.
namespace iotc_ha::device {

/// Where a value comes from.
struct Reading {
  double value = 0;
  bool simulated = false;
};

/// temp from /sys/class/thermal or hwmon, battery from /sys/class/power_supply, where the machine has them; else, and
/// for humidity always, a simulated walk. Sensors are looked for and read anew each time: one that comes, goes, fails
/// or answers nonsense changes the source of the next reading. Reads files; never throws.
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
  /// A value that wanders within its bounds.
  struct Walk {
    double value;
    double low;
    double high;
    double stride;  ///< the most that it moves at once
  };
  Reading step(Walk& walk);

  std::filesystem::path sys_;
  std::uint64_t random_state_;
  Walk temp_{20.2, 15.0, 30.0, 0.3};
  Walk humidity_{40.4, 30.0, 60.0, 0.5};
  Walk battery_{60.6, 20.0, 100.0, 0.2};
};

/// `{"temp":21.5,"humidity":40.2}`: JSON numbers, '.' whatever the locale, one decimal. A value that is not finite is
/// left out: JSON has no number for it.
[[nodiscard]] std::string telemetry_body(const Reading& temp, const Reading& humidity);
/// `{"battery":60.6}`, a reported patch; written likewise.
[[nodiscard]] std::string battery_patch(const Reading& battery);

/// Whether the template has it. What it does not have is a program's, or nobody's.
[[nodiscard]] bool knows_method(std::string_view name);
[[nodiscard]] bool knows_command(std::string_view name);
[[nodiscard]] bool knows_property(std::string_view name);

struct MethodAnswer {
  int status;
  std::string json;
  std::string journal;  ///< one line, without the payload
};
/// `echo` answers 200 with its payload as it came (the template's request and response are both one string), with null
/// when there was none. Unknown: 404 and `{"error":"…"}`. A payload that is not JSON: 400 and `{"error":"…"}`.
[[nodiscard]] MethodAnswer answer_method(std::string_view name, std::string_view payload);

/// What to write into the journal for a durable command: `setAlarm` with its time, an unknown name, or none ("").
struct CommandOutcome {
  bool known = false;
  std::string journal;
};
[[nodiscard]] CommandOutcome take_command(std::string_view name, std::string_view payload);

/// What the device does with desired properties that no program has claimed. fanSpeed is applied (an integer of 32
/// bits, as DTDL defines it; null, which deletes it, is 200 too) or refused with 400. Any other gets no
/// acknowledgement: a program that claims it later may still answer.
struct DesiredOutcome {
  std::vector<azure::Acknowledgement> acknowledgements;
  std::optional<std::int64_t> fan_speed;  ///< set when this document has set it
  std::vector<std::string> unknown;       ///< in the document's order
  std::string journal;
};
[[nodiscard]] DesiredOutcome apply_desired(const azure::DesiredDocument& document);

}  // namespace iotc_ha::device
