#include "window_feed.hpp"

#include "network.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace iotc_ha::lizard {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::minutes k_history{10};
constexpr std::uint64_t k_occurrences_max = 2'000;
constexpr std::uint64_t k_messages_max = 5'000;
constexpr double k_same_moment_ms = 50;  ///< messages that come so close together are one dot

/// Milliseconds since 1970, as JavaScript counts.
double milliseconds_of(core::WallTime time) { return static_cast<double>(time.time_since_epoch().count()) / 1000.0; }

ordered_json or_null(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

ordered_json hubs_of(const Cloud& cloud, std::uint16_t port) {
  ordered_json hubs = ordered_json::array();
  for (const Hub& hub : cloud.hubs()) {
    hubs.push_back({{"name", hub.name},
                    {"address", hub.address},
                    {"port", port},
                    {"state", name_of(hub.state)},
                    {"code", hub.refusal_code},
                    {"connections", hub.connections},
                    {"refusals", hub.refusals},
                    {"telemetry", hub.telemetry}});
  }
  return hubs;
}

ordered_json devices_of(const Cloud& cloud) {
  const auto hub_name_of = [&cloud](std::size_t hub) { return cloud.hubs()[hub].name; };
  ordered_json devices = ordered_json::array();
  for (const auto& [id, device] : cloud.devices()) {
    const bool is_connected = device.session.has_value();
    devices.push_back(
        {{"id", id},
         {"home", hub_name_of(device.home)},
         {"assigned", hub_name_of(device.assigned)},
         {"connected_to", is_connected ? ordered_json(hub_name_of(device.session->hub)) : ordered_json()},
         {"since", is_connected ? ordered_json(milliseconds_of(device.session->since)) : ordered_json()},
         {"ttl_until", device.ttl_until ? ordered_json(milliseconds_of(*device.ttl_until)) : ordered_json()},
         {"enabled", device.enabled},
         {"c2d_queued", device.cloud_messages.size()}});
  }
  return devices;
}

ordered_json happened(const std::vector<Occurrence>& occurrences, core::WallTime since) {
  ordered_json events = ordered_json::array();
  for (const Occurrence& occurrence : occurrences) {
    if (occurrence.time < since) continue;
    events.push_back({{"seq", occurrence.sequence},
                      {"time", milliseconds_of(occurrence.time)},
                      {"event", occurrence.event},
                      {"device", or_null(occurrence.device)},
                      {"hub", or_null(occurrence.hub)},
                      {"detail", occurrence.detail}});
  }
  return events;
}

/// `[time, device, hub, how many]`
ordered_json landed(const std::vector<Received>& messages, const Cloud& cloud, core::WallTime since) {
  ordered_json dots = ordered_json::array();
  for (const Received& message : messages) {
    if (message.time < since) continue;
    const double time = milliseconds_of(message.time);
    const std::string& hub = cloud.hubs()[message.hub].name;
    if (!dots.empty()) {
      ordered_json& last = dots.back();
      const bool same = last[1] == message.device && last[2] == hub && time - last[0].get<double>() < k_same_moment_ms;
      if (same) {
        last[3] = last[3].get<std::uint64_t>() + 1;
        continue;
      }
    }
    dots.push_back({time, message.device, hub, 1U});
  }
  return dots;
}

std::uint64_t not_before(std::uint64_t since, std::uint64_t last, std::uint64_t most) {
  return last > most && since < last - most ? last - most : since;
}

/// Names come from devices, and need not be UTF-8.
std::string event_of(const char* name, const ordered_json& body) {
  return std::string("event: ") + name +
         "\ndata: " + body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n\n";
}

}  // namespace

std::string WindowFeed::next() {
  const std::string dps_state = lizard_.dps_state();
  const bool ready = lizard_.is_ready();
  const Settings& settings = lizard_.settings();
  return lizard_.look([&](const Cloud& cloud, const DpsService& dps, core::WallTime now) {
    ordered_json state{{"ready", ready},
                       {"dps",
                        {{"address", dps_address(settings.network)},
                         {"port", settings.dps_port},
                         {"state", dps_state},
                         {"registrations", dps.registrations()},
                         {"polls", dps.polls()}}},
                       {"hubs", hubs_of(cloud, settings.mqtt_port)},
                       {"devices", devices_of(cloud)},
                       {"poison", cloud.poison()}};
    const std::string state_text = state.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    occurrence_ = not_before(occurrence_, cloud.occurrences().last(), k_occurrences_max);
    message_ = not_before(message_, cloud.telemetry().last(), k_messages_max);
    const core::WallTime since = greeted_ ? core::WallTime{} : now - k_history;
    ordered_json news{{"now", milliseconds_of(now)},
                      {"events", happened(cloud.occurrences().after(occurrence_, k_occurrences_max), since)},
                      {"messages", landed(cloud.telemetry().after(message_, k_messages_max), cloud, since)}};
    occurrence_ = cloud.occurrences().last();
    message_ = cloud.telemetry().last();
    if (!greeted_) {
      greeted_ = true;
      state_ = state_text;
      news["history_ms"] = std::chrono::milliseconds(k_history).count();
      news["version"] = IOTC_HA_VERSION;
      news["state"] = std::move(state);
      return event_of("snapshot", news);
    }
    std::string text;
    if (state_text != state_) {
      state_ = state_text;
      text += event_of("state", state);
    }
    if (!news["events"].empty() || !news["messages"].empty()) text += event_of("news", news);
    return text;
  });
}

}  // namespace iotc_ha::lizard
