#include "settings.hpp"

#include "values.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace iotc_ha::config {
namespace {

using namespace std::chrono_literals;
using std::chrono::hours;
using std::chrono::milliseconds;
using Complaint = std::optional<std::string>;

template <typename T, typename U>
Complaint store(Checked<T> checked, U& into) {
  if (!checked) return std::move(checked.error());
  into = *std::move(checked);
  return std::nullopt;
}

Complaint take_profile(const Value& value, Draft& draft) {
  const auto profile = one_of(value, {"fast", "polite"});
  if (!profile) return profile.error();
  draft.config.failover = *profile == "polite" ? core::Policy::polite() : core::Policy::fast();
  return std::nullopt;
}

Complaint take_when_full(const Value& value, Draft& draft) {
  const auto choice = one_of(value, {"drop-oldest", "reject"});
  if (!choice) return choice.error();
  draft.config.spool.when_full = *choice == "reject" ? Spool::WhenFull::Reject : Spool::WhenFull::DropOldest;
  return std::nullopt;
}

Complaint take_key(const Value& value, core::Secret& into) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->empty()) return std::nullopt;
  auto key = symmetric_key(value);
  if (!key) return key.error();
  into = core::Secret(*std::move(key));
  return std::nullopt;
}

/// A key of the contract with one choice so far.
auto only(std::string_view available, std::vector<std::string_view> later) {
  return [available, later = std::move(later)](const Value& value, Draft&) -> Complaint {
    const auto* text = std::get_if<std::string>(&value);
    const std::string choice = '"' + std::string(available) + '"';
    if (text == nullptr) return "expected " + choice + ", in double quotes";
    if (*text == available) return std::nullopt;
    if (std::find(later.begin(), later.end(), *text) != later.end()) {
      return '"' + *text + "\" is not available in this version; use " + choice;
    }
    return "expected " + choice;
  };
}

/// A key of the contract that must stay empty so far.
Complaint not_yet(const Value& value, Draft&) {
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && text->empty()) return std::nullopt;
  return "certificates are not available in this version; use group_symmetric_key or symmetric_key";
}

auto number(milliseconds core::Policy::*member, milliseconds min = 100ms, milliseconds max = hours(24)) {
  return
      [=](const Value& value, Draft& draft) { return store(duration(value, min, max), draft.config.failover.*member); };
}

auto flag(bool Sample::*member) {
  return [=](const Value& value, Draft& draft) { return store(boolean(value), draft.config.sample.*member); };
}

auto period(milliseconds Sample::*member) {
  return [=](const Value& value, Draft& draft) {
    return store(duration(value, 100ms, hours(24)), draft.config.sample.*member);
  };
}

void add_device_and_provisioning(std::vector<Setting>& all) {
  all.push_back({"device.id", [](const Value& v, Draft& d) { return store(registration_id(v), d.config.device.id); },
                 "a name of its own for this device, in lower case, e.g. \"failover-linux\""});
  all.push_back(
      {"device.model_id", [](const Value& v, Draft& d) { return store(model_id(v), d.config.device.model_id); }, {}});
  all.push_back(
      {"provisioning.id_scope",
       [](const Value& v, Draft& d) { return store(id_scope(v), d.config.provisioning.id_scope); },
       "the ID scope (IoT Central: Permissions, Device connection groups; DPS: Overview), e.g. \"0ne00ABCDEF\""});
  all.push_back({"provisioning.group_symmetric_key",
                 [](const Value& v, Draft& d) { return take_key(v, d.group_symmetric_key); },
                 {},
                 true});
  all.push_back(
      {"provisioning.symmetric_key", [](const Value& v, Draft& d) { return take_key(v, d.symmetric_key); }, {}, true});
  all.push_back({"provisioning.certificate_file", not_yet, {}});
  all.push_back({"provisioning.private_key_file", not_yet, {}});
  all.push_back({"provisioning.host",
                 [](const Value& v, Draft& d) { return store(host_name(v), d.config.provisioning.host); },
                 {}});
  all.push_back(
      {"provisioning.port", [](const Value& v, Draft& d) { return store(port(v), d.config.provisioning.port); }, {}});
  all.push_back({"provisioning.transport", only("https", {"mqtt", "mqtt-ws"}), {}});
}

void add_hub(std::vector<Setting>& all) {
  all.push_back({"hub.transport", only("mqtt", {"mqtt-ws", "auto"}), {}});
  // 1177 s is the longest that a hub honours: it closes after 1.5 times the keep-alive, but after 1767 s at the latest.
  all.push_back({"hub.keep_alive",
                 [](const Value& v, Draft& d) { return store(whole_seconds(v, 1s, 1177s), d.config.hub.keep_alive); },
                 {}});
  all.push_back(
      {"hub.token_life",
       [](const Value& v, Draft& d) { return store(whole_seconds(v, 5s, hours(24)), d.config.hub.token_life); },
       {}});
  all.push_back({"hub.ca_file", [](const Value& v, Draft& d) { return store(ca_file(v), d.config.hub.ca_file); }, {}});
  all.push_back({"hub.proxy", [](const Value& v, Draft& d) { return store(proxy(v), d.config.hub.proxy); }, {}});
}

void add_failover(std::vector<Setting>& all) {
  using core::Policy;
  static_assert(sizeof(Policy) == 14 * sizeof(milliseconds), "a number of Policy without a key in [failover]");
  all.push_back({"failover.profile", take_profile, {}});
  all.push_back({"failover.connect_timeout", number(&Policy::connect_timeout), {}});
  all.push_back({"failover.remembered_timeout", number(&Policy::remembered_timeout), {}});
  all.push_back({"failover.dps_timeout", number(&Policy::dps_timeout), {}});
  all.push_back({"failover.puback_timeout", number(&Policy::puback_timeout), {}});
  // The daemon promises to stop within 5 s.
  all.push_back({"failover.drain_timeout", number(&Policy::drain_timeout, 100ms, 4s), {}});
  all.push_back({"failover.backoff_base", number(&Policy::backoff_base), {}});
  all.push_back({"failover.backoff_max", number(&Policy::backoff_max), {}});
  all.push_back({"failover.dps_backoff_base", number(&Policy::dps_backoff_base), {}});
  all.push_back({"failover.dps_backoff_max", number(&Policy::dps_backoff_max), {}});
  all.push_back({"failover.same_hub_wait", number(&Policy::same_hub_wait), {}});
  all.push_back({"failover.same_hub_wait_max", number(&Policy::same_hub_wait_max), {}});
  all.push_back({"failover.halted_wait", number(&Policy::halted_wait), {}});
  all.push_back({"failover.halted_wait_max", number(&Policy::halted_wait_max), {}});
  all.push_back({"failover.stable_after", number(&Policy::stable_after), {}});
}

void add_spool_sample_and_log(std::vector<Setting>& all) {
  all.push_back(
      {"spool.max_bytes",
       [](const Value& v, Draft& d) { return store(size(v, 64ULL << 10U, 1ULL << 40U), d.config.spool.max_bytes); },
       {}});
  all.push_back(
      {"spool.max_age",
       [](const Value& v, Draft& d) { return store(whole_seconds(v, 1s, hours(24 * 3650)), d.config.spool.max_age); },
       {}});
  all.push_back({"spool.when_full", take_when_full, {}});
  all.push_back({"spool.replay_window",
                 [](const Value& v, Draft& d) {
                   return store(whole_seconds(v, 0s, hours(24 * 7)), d.config.spool.replay_window);
                 },
                 {}});
  all.push_back({"sample.telemetry_send", flag(&Sample::telemetry_send), {}});
  all.push_back({"sample.telemetry_period", period(&Sample::telemetry_period), {}});
  all.push_back({"sample.reported_property_send", flag(&Sample::reported_property_send), {}});
  all.push_back({"sample.reported_property_period", period(&Sample::reported_property_period), {}});
  all.push_back({"sample.desired_property_receive", flag(&Sample::desired_property_receive), {}});
  all.push_back({"sample.direct_method_receive", flag(&Sample::direct_method_receive), {}});
  all.push_back({"sample.c2d_command_receive", flag(&Sample::c2d_command_receive), {}});
  all.push_back(
      {"log.level",
       [](const Value& v, Draft& d) {
         return store(one_of(v, {"trace", "debug", "info", "warning", "error", "critical", "off"}), d.config.log.level);
       },
       {}});
}

/// How many letters must be changed, put in or left out to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row[b.size()];
}

std::string_view table_of(std::string_view key) { return key.substr(0, key.find('.')); }
std::string_view last_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }  // npos + 1 is 0

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> k_settings = [] {
    std::vector<Setting> all;
    add_device_and_provisioning(all);
    add_hub(all);
    add_failover(all);
    add_spool_sample_and_log(all);
    return all;
  }();
  return k_settings;
}

bool is_known_table(std::string_view key) {
  return std::any_of(settings().begin(), settings().end(),
                     [&](const Setting& setting) { return table_of(setting.key) == key; });
}

std::string nearest_name(std::string_view key) {
  constexpr std::size_t k_key_bytes_max = 80;  // the search is quadratic, and no name of ours is near that long
  if (key.size() > k_key_bytes_max) return {};
  std::string_view best;
  std::size_t best_distance = 4;  // farther is another word
  const auto consider = [&](std::string_view candidate, std::size_t far) {
    // Half of a short word changed is another word, too.
    if (far < best_distance && 2 * far < last_of(candidate).size()) {
      best = candidate;
      best_distance = far;
    }
  };
  for (const Setting& setting : settings()) {
    consider(setting.key, distance(key, setting.key));
    consider(table_of(setting.key), distance(key, table_of(setting.key)));
    if (last_of(setting.key) == last_of(key)) consider(setting.key, 2);  // right name, wrong table
  }
  return std::string(best);
}

}  // namespace iotc_ha::config
