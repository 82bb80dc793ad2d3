#include "answers.hpp"

#include "configuration.hpp"
#include "hex.hpp"
#include "network.hpp"
#include "record_json.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>

#include <functional>
#include <limits>
#include <map>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t k_batch = 1000;
constexpr milliseconds k_follow_pause{200};  ///< how soon it is noticed that an asker has gone

void say(Reply& reply, const ordered_json& answer) {
  reply.line(answer.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

void say_error(Reply& reply, const std::string& what) { say(reply, {{"error", what}}); }

void say_done(Reply& reply, const core::Result<void>& done) {
  if (done) return say(reply, {{"ok", true}});
  say_error(reply, done.error().what);
}

std::string text(const json& request, const char* key) { return request.value(key, ""); }

void status(Lizard& lizard, const json&, Reply& reply) {
  const std::string dps_state = lizard.dps_state();
  const std::vector<pid_t> pids = lizard.pids();
  const bool ready = lizard.is_ready();
  const Settings& settings = lizard.settings();
  const std::string window = window_url(settings);
  say(reply, lizard.look([&](const Cloud& cloud, const DpsService& dps, core::WallTime) {
    ordered_json hubs = ordered_json::array();
    for (std::size_t i = 0; i < cloud.hubs().size(); ++i) {
      const Hub& hub = cloud.hubs()[i];
      hubs.push_back({{"name", hub.name},
                      {"address", hub.address},
                      {"port", settings.mqtt_port},
                      {"state", name_of(hub.state)},
                      {"connections", hub.connections},
                      {"refusals", hub.refusals},
                      {"telemetry", hub.telemetry},
                      {"pid", pids[i]}});
    }
    ordered_json devices = ordered_json::array();
    for (const auto& [id, device] : cloud.devices()) {
      devices.push_back(
          {{"id", id},
           {"home", cloud.hubs()[device.home].name},
           {"assigned", cloud.hubs()[device.assigned].name},
           {"connected_to", device.session ? ordered_json(cloud.hubs()[device.session->hub].name) : ordered_json()},
           {"enabled", device.enabled},
           {"ttl_until", device.ttl_until ? ordered_json(azure::iso8601_utc(*device.ttl_until)) : ordered_json()},
           {"registrations", device.registrations},
           {"model_id", device.model_id},
           {"connections", device.connections},
           {"expiry_cuts", device.expiry_cuts},
           {"clean_disconnects", device.clean_disconnects},
           {"c2d_queued", device.cloud_messages.size()}});
    }
    return ordered_json{{"ready", ready},
                        {"id_scope", settings.id_scope},
                        {"group_key", settings.group_key.reveal()},
                        {"central_token", settings.central_token.reveal()},
                        {"ca_file", lizard.certificate_file()},
                        {"window", window.empty() ? ordered_json() : ordered_json(window)},
                        {"dps",
                         {{"address", dps_address(settings.network)},
                          {"port", settings.dps_port},
                          {"mqtt_port", settings.mqtt_port},
                          {"pid", pids.back()},
                          {"state", dps_state},
                          {"registrations", dps.registrations()},
                          {"polls", dps.polls()}}},
                        {"hubs", std::move(hubs)},
                        {"devices", std::move(devices)}};
  }));
}

void config(Lizard& lizard, const json& request, Reply& reply) {
  say(reply, {{"config", device_configuration(lizard.settings(), text(request, "device"), text(request, "model"))}});
}

void attack(Lizard& lizard, const json& request, Reply& reply) {
  static const std::map<std::string, Attack> k_ways{
      {"kill", Attack::Kill}, {"unplug", Attack::Unplug}, {"refuse", Attack::Refuse}, {"drop", Attack::Drop}};
  const auto way = k_ways.find(text(request, "how"));
  if (way == k_ways.end()) return say_error(reply, "there is no way to attack called '" + text(request, "how") + "'");
  const int code = request.value("code", 3);
  if (code != 3 && code != 5) return say_error(reply, "the CONNACK code must be 3 or 5");
  say_done(reply, lizard.attack(text(request, "target"), way->second, static_cast<std::uint8_t>(code)));
}

void revive(Lizard& lizard, const json& request, Reply& reply) {
  say_done(reply, lizard.revive(text(request, "target")));
}

void move(Lizard& lizard, const json& request, Reply& reply) {
  say_done(reply, lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) -> core::Result<void> {
    const auto hub = cloud.find_hub(text(request, "hub"));
    if (!hub) return core::fail(core::Fault::InvalidPayload, "there is no hub '" + text(request, "hub") + "'");
    std::optional<seconds> ttl;
    if (request.contains("ttl")) ttl = seconds(request["ttl"].get<std::int64_t>());
    return cloud.move(text(request, "device"), *hub, ttl, now);
  }));
}

/// What stands under `key`, or any bytes that stand under "hex".
std::string bytes(const json& request, const char* key) {
  return request.contains("hex") ? from_hex(text(request, "hex")).value_or("") : text(request, key);
}

void throttle(Lizard& lizard, const json& request, Reply& reply) {
  lizard.with_cloud([&](Cloud& cloud, DpsService& dps, core::WallTime now) {
    if (request.value("twins", false)) return cloud.throttle_twins(!request.value("off", false), now);
    if (request.value("off", false)) {
      dps.unthrottle();
      cloud.note(now, "unthrottled", "", "dps", "");
      return;
    }
    const seconds retry_after(request.value("retry_after", 10));
    std::optional<core::WallTime> until;
    if (request.contains("for")) until = now + seconds(request["for"].get<std::int64_t>());
    dps.throttle(retry_after, until);
    cloud.note(now, "throttled", "", "dps", "429 with Retry-After " + std::to_string(retry_after.count()));
  });
  say_done(reply, {});
}

void poison(Lizard& lizard, const json& request, Reply& reply) {
  lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.poison(text(request, "text"), now); });
  say_done(reply, {});
}

void set_enabled(Lizard& lizard, const json& request, Reply& reply) {
  say_done(reply, lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    return cloud.set_enabled(text(request, "device"), text(request, "command") == "enable", now);
  }));
}

void twin(Lizard& lizard, const json& request, Reply& reply) {
  const auto document =
      lizard.look([&](const Cloud& cloud, auto&, auto) { return cloud.twin_of(text(request, "device")); });
  if (!document) return say_error(reply, document.error().what);
  reply.line(*document);
}

void desired(Lizard& lizard, const json& request, Reply& reply) {
  if (request.contains("hex")) {
    return say_done(reply, lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime) {
      return cloud.push_garbage(text(request, "device"), bytes(request, "patch"));
    }));
  }
  const auto version = lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    return cloud.patch_desired(text(request, "device"), text(request, "patch"), now,
                               request.value("lost", false) ? Cloud::Push::Lost : Cloud::Push::Sent);
  });
  if (!version) return say_error(reply, version.error().what);
  say(reply, {{"version", *version}});
}

void command(Lizard& lizard, const json& request, Reply& reply) {
  const auto answer = lizard.call_device({.device = text(request, "device"),
                                          .method = text(request, "method"),
                                          .payload = bytes(request, "payload"),
                                          .answer_limit = milliseconds(request.value("timeout_ms", 30'000))},
                                         [&reply] { return reply.asker_is_gone(); });
  if (!answer) return say_error(reply, answer.error().what);
  ordered_json payload;
  if (!answer->payload.empty()) payload = ordered_json::parse(answer->payload, nullptr, false);
  if (payload.is_discarded()) return say_error(reply, "the device's answer is not JSON: " + answer->payload);
  say(reply, {{"status", answer->status}, {"payload", std::move(payload)}});
}

void c2d(Lizard& lizard, const json& request, Reply& reply) {
  core::Properties properties;
  for (const json& property : request.value("properties", json::array())) {
    properties.emplace_back(property.at(0).get<std::string>(), property.at(1).get<std::string>());
  }
  const auto mid = lizard.with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    return cloud.send(text(request, "device"), bytes(request, "body"), std::move(properties),
                      text(request, "message_id"), now);
  });
  if (!mid) return say_error(reply, mid.error().what);
  say(reply, {{"mid", *mid}});
}

/// Sends the records after `since`, and those that are still to come if asked for; no more than `limit` of them. The
/// lock is not held while sending.
void stream(Lizard& lizard, const json& request, Reply& reply,
            const std::function<std::vector<std::string>(const Cloud&, std::uint64_t& since)>& next) {
  const bool follow = request.value("follow", false);
  auto left = request.value("limit", std::numeric_limits<std::uint64_t>::max());
  std::uint64_t since = request.value("since", std::uint64_t{0});
  std::uint64_t seen = 0;
  while (!reply.asker_is_gone()) {
    const std::uint64_t before = since;
    for (const std::string& line : lizard.look([&](const Cloud&cloud, auto&, auto) { return next(cloud, since); })) {
      if (!reply.line(line) || --left == 0) return;
    }
    if (since != before) continue;
    if (!follow) return;
    lizard.wait_for_change(seen, k_follow_pause);
  }
}

void telemetry(Lizard& lizard, const json& request, Reply& reply) {
  const std::string device = text(request, "device");
  const std::string hub = text(request, "hub");
  std::uint64_t count = 0;
  const bool count_only = request.value("count", false);
  stream(lizard, request, reply, [&](const Cloud& cloud, std::uint64_t& since) {
    std::vector<std::string> lines;
    for (const Received& message : cloud.telemetry().after(since, k_batch)) {
      since = message.sequence;
      const std::string& name = cloud.hubs()[message.hub].name;
      if ((!device.empty() && message.device != device) || (!hub.empty() && name != hub)) continue;
      ++count;
      if (!count_only) lines.push_back(json_line(message, name));
    }
    return lines;
  });
  if (!count_only) return;
  const std::uint64_t dropped =
      lizard.look([&](const Cloud& cloud, auto&, auto) { return cloud.telemetry().dropped(); });
  say(reply, {{"count", count}, {"dropped", dropped}});
}

void events(Lizard& lizard, const json& request, Reply& reply) {
  stream(lizard, request, reply, [](const Cloud& cloud, std::uint64_t& since) {
    std::vector<std::string> lines;
    for (const Occurrence& occurrence : cloud.occurrences().after(since, k_batch)) {
      since = occurrence.sequence;
      lines.push_back(json_line(occurrence));
    }
    return lines;
  });
}

}  // namespace

void Answers::answer(const std::string& request, Reply& reply) {
  using Command = void (*)(Lizard&, const json&, Reply&);
  static const std::map<std::string, Command> k_commands{
      {"status", status}, {"config", config},       {"attack", attack},
      {"revive", revive}, {"move", move},           {"throttle", throttle},
      {"poison", poison}, {"enable", set_enabled},  {"disable", set_enabled},
      {"twin", twin},     {"desired", desired},     {"command", command},
      {"c2d", c2d},       {"telemetry", telemetry}, {"events", events}};
  const json parsed = json::parse(request, nullptr, false);
  if (!parsed.is_object()) return say_error(reply, "the request is not a JSON object");
  try {
    const auto found = k_commands.find(text(parsed, "command"));
    if (found == k_commands.end()) return say_error(reply, "there is no command '" + text(parsed, "command") + "'");
    found->second(lizard_, parsed, reply);
  } catch (const json::exception& exception) {  // a field of the wrong type
    say_error(reply, std::string("the request is malformed: ") + exception.what());
  }
}

}  // namespace iotc_ha::lizard
