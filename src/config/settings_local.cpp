#include "setting.hpp"

namespace iotc_ha::config {

using namespace std::chrono_literals;

void add_spool(std::vector<Setting>& all) {
  all.push_back(setting(
      "spool.max_bytes", [](const Value& value) { return size(value, 64ULL << 10U, 1ULL << 40U); },
      [](auto& c) -> auto& { return c.spool.max_bytes; }, "how much telemetry is kept on disk until a hub has it"));
  all.push_back(setting(
      "spool.max_age", whole_seconds_within(1s, std::chrono::hours(24 * 3650)),
      [](auto& c) -> auto& { return c.spool.max_age; }, "for how long telemetry is kept on disk"));
  all.push_back(choice<Spool::WhenFull>(
      "spool.when_full", {{"drop-oldest", Spool::WhenFull::DropOldest}, {"reject", Spool::WhenFull::Reject}},
      [](auto& c) -> auto& { return c.spool.when_full; },
      "when it does not fit: drop-oldest loses the oldest, reject takes no new ones"));
  all.push_back(setting(
      "spool.replay_window", whole_seconds_within(0s, std::chrono::hours(24 * 7)),
      [](auto& c) -> auto& { return c.spool.replay_window; },
      "what a hub acknowledged so lately is sent again after a failover to another; 0s: nothing"));
}

void add_sample(std::vector<Setting>& all) {
  all.push_back(setting(
      "sample.telemetry_send", boolean, [](auto& c) -> auto& { return c.sample.telemetry_send; },
      "whether the sample sends temperature and humidity"));
  all.push_back(setting(
      "sample.telemetry_period", within(100ms, 24h), [](auto& c) -> auto& { return c.sample.telemetry_period; },
      "how often it sends them"));
  all.push_back(setting(
      "sample.reported_property_send", boolean, [](auto& c) -> auto& { return c.sample.reported_property_send; },
      "whether the sample reports the battery"));
  all.push_back(setting(
      "sample.reported_property_period", within(100ms, 24h),
      [](auto& c) -> auto& { return c.sample.reported_property_period; }, "how often it reports it"));
  all.push_back(setting(
      "sample.desired_property_receive", boolean, [](auto& c) -> auto& { return c.sample.desired_property_receive; },
      "whether the sample acknowledges fanSpeed, which the cloud sets"));
  all.push_back(setting(
      "sample.direct_method_receive", boolean, [](auto& c) -> auto& { return c.sample.direct_method_receive; },
      "whether the sample answers the command echo"));
  all.push_back(setting(
      "sample.c2d_command_receive", boolean, [](auto& c) -> auto& { return c.sample.c2d_command_receive; },
      "whether the sample takes the command setAlarm, also a queued one"));
}

void add_log(std::vector<Setting>& all) {
  all.push_back(setting(
      "log.level",
      [](const Value& value) {
        return one_of(value, {"trace", "debug", "info", "warning", "error", "critical", "off"});
      },
      [](auto& c) -> auto& { return c.log.level; },
      "what is written to the journal: trace, debug, info, warning, error, critical or off"));
}

}  // namespace iotc_ha::config
