// What a device does on its connection to a hub.

#include "cloud.hpp"
#include "error_body.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace iotc_ha::lizard {
namespace {

constexpr int k_argument_invalid = 400004;
constexpr int k_too_large = 413001;
constexpr int k_throttled = 429001;
/// No real token lives longer; a timer for year 9999 would overflow the clock.
constexpr std::chrono::hours k_session_life_max{24 * 366};

std::string lower(std::string_view text) {
  std::string result;
  std::ranges::transform(text, std::back_inserter(result),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

/// `{host}/{device}/?api-version=…`: true when it names this host and device and an API version.
bool names(std::string_view user_name, const std::string& host, const std::string& device) {
  const std::string start = host + "/" + device + "/?";
  if (user_name.size() < start.size() || lower(user_name.substr(0, host.size())) != lower(host)) return false;
  if (user_name.substr(host.size(), start.size() - host.size()) != start.substr(host.size())) return false;
  const std::string query = "&" + std::string(user_name.substr(start.size()));
  return query.find("&api-version=") != std::string::npos;
}

/// The value after `$rid=`, up to the next '&'.
std::string request_id(std::string_view topic) {
  const std::size_t at = topic.find("$rid=");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = topic.substr(at + 5);
  return std::string(rest.substr(0, rest.find('&')));
}

}  // namespace

Cloud::Verdict Cloud::judge(std::size_t hub_index, const Frame& connect, core::WallTime now) const {
  const Hub& hub = hubs_[hub_index];
  if (connect.number != k_mqtt_3_1_1) return {k_bad_protocol, "not MQTT 3.1.1"};
  if (hub.state == HubState::Refusing) return {hub.refusal_code, "the hub is under attack"};
  if (!names(connect.topic, hub.address, connect.name)) {
    return {k_bad_user_name, "the user name is not '" + hub.address + "/" + connect.name + "/?api-version=...'"};
  }
  const auto found = devices_.find(connect.name);
  if (found == devices_.end()) return {k_not_authorized, "the device is unknown"};
  const Device& device = found->second;
  const auto token = azure::parse_token(connect.body);
  if (!token) return {k_bad_user_name, token.error().what};
  const auto resource = azure::percent_decode(token->encoded_resource);
  if (!resource || lower(*resource) != lower(hub.address + "/devices/" + device.id)) {
    return {k_not_authorized, "the token is for another resource"};
  }
  if (!azure::signature_is_valid(*token, device.key)) return {k_not_authorized, "the signature is wrong"};
  if (token->expiry <= now) return {k_not_authorized, "the token has expired"};
  if (!device.enabled) return {settings_.refusal, "the device is disabled"};
  if (device.assigned != hub_index) {
    return {settings_.refusal, "the device is assigned to " + hubs_[device.assigned].name};
  }
  const auto longest = std::chrono::floor<std::chrono::seconds>(now) + k_session_life_max;
  return {0, "", std::min<std::chrono::sys_seconds>(token->expiry, longest)};
}

void Cloud::connect(std::size_t hub_index, const Frame& frame, core::WallTime now) {
  Hub& hub = hubs_[hub_index];
  const Verdict verdict = judge(hub_index, frame, now);
  order(hub_index, {.kind = FrameKind::Verdict, .number = verdict.code, .connection = frame.connection});
  if (verdict.code != 0) {
    ++hub.refusals;
    note(now, "refused", frame.name, hub.name, "CONNACK " + std::to_string(verdict.code) + ": " + verdict.reason);
    return;
  }
  Device& device = devices_.at(frame.name);
  if (device.session) {
    if (device.session->hub != hub_index) kick(device);  // on this hub mosquitto itself displaces the older one
    end_session(device, now, "displaced by a newer connection");
  }
  ++hub.connections;
  ++device.connections;
  device.session = Session{.hub = hub_index, .connection = frame.connection, .since = now, .expiry = verdict.expiry};
  device_of_connection_[{hub_index, frame.connection}] = device.id;
  timers_.emplace(verdict.expiry, Timer{Timer::Kind::TokenExpiry, device.id, frame.connection, hub_index});
  note(now, "connected", device.id, hub.name, "");
  if (frame.flag) {  // clean session: what waited is discarded
    device.cloud_messages.clear();
    device.c2d_subscribed_on.reset();
  }
  deliver(device);
}

void Cloud::disconnected(std::size_t hub, const Frame& frame, core::WallTime now) {
  Device* device = device_of(hub, frame.connection);
  if (device == nullptr) return;
  if (frame.flag) ++device->clean_disconnects;
  end_session(*device, now, frame.flag ? "DISCONNECT" : "connection lost");
}

void Cloud::end_session(Device& device, core::WallTime now, std::string_view how) {
  const Session session = *device.session;
  device.session.reset();
  device_of_connection_.erase({session.hub, session.connection});
  const auto [first, last] = timers_.equal_range(session.expiry);
  const auto timer = std::find_if(first, last, [&](const auto& entry) {
    return entry.second.device == device.id && entry.second.connection == session.connection;
  });
  if (timer != last) timers_.erase(timer);
  for (auto& [request, call] : calls_) {
    if (call.answer || call.hub != session.hub || call.connection != session.connection) continue;
    call.answer = core::fail(core::Fault::ConnectionLost, "device '" + device.id + "' lost its connection meanwhile");
  }
  note(now, "disconnected", device.id, hubs_[session.hub].name, std::string(how));
}

void Cloud::kick(const Device& device) {
  if (!device.session) return;
  order(device.session->hub, {.kind = FrameKind::Kick, .connection = device.session->connection});
}

void Cloud::subscribed(Device& device, const Frame& frame) {
  Session& session = *device.session;
  if (frame.topic == "$iothub/twin/res/#") session.twin = true;
  if (frame.topic == "$iothub/twin/PATCH/properties/desired/#") session.desired = true;
  if (frame.topic == "$iothub/methods/POST/#") session.methods = true;
  if (frame.topic.ends_with("/messages/devicebound/#")) {
    device.c2d_subscribed_on = {session.hub, hubs_[session.hub].incarnation};
    deliver(device);
  }
}

void Cloud::published(Device& device, const Frame& frame, core::WallTime now) {
  const std::string events = "devices/" + device.id + "/messages/events";
  if (frame.topic.starts_with(events)) {
    std::string bag = frame.topic.substr(std::min(events.size() + 1, frame.topic.size()));
    if (frame.flag) bag += bag.empty() ? "mqtt-retain=true" : "&mqtt-retain=true";  // RETAIN itself is not honoured
    ++hubs_[device.session->hub].telemetry;
    telemetry_.add(
        {.time = now, .device = device.id, .hub = device.session->hub, .bag = std::move(bag), .body = frame.body});
    return;
  }
  if (frame.topic.starts_with("$iothub/methods/res/")) return method_answered(device, frame);
  std::string status = "200";
  std::string version;
  std::string body;
  const bool is_get = frame.topic.starts_with("$iothub/twin/GET/");
  if (twins_throttled_) {
    status = "429";
    body = error_body(k_throttled, "Operations are being throttled for the device.", now);
    note(now, is_get ? "twin" : "reported", device.id, hubs_[device.session->hub].name, "429");
  } else if (is_get) {
    body = device.twin.document();
  } else if (const auto patched = device.twin.patch_reported(frame.body, now)) {
    status = "204";
    version = "&$version=" + std::to_string(*patched);
    note(now, "reported", device.id, hubs_[device.session->hub].name, "version " + std::to_string(*patched));
  } else {
    const bool too_large = patched.error().fault == core::Fault::PayloadTooLarge;
    status = too_large ? "413" : "400";
    body = error_body(too_large ? k_too_large : k_argument_invalid, patched.error().what, now);
    note(now, "reported", device.id, hubs_[device.session->hub].name, status + ": " + patched.error().what);
  }
  if (!device.session->twin) return;  // nobody listens for the answer
  order(device.session->hub, {.kind = FrameKind::Send,
                              .connection = device.session->connection,
                              .name = device.id,
                              .topic = "$iothub/twin/res/" + status + "/?$rid=" + request_id(frame.topic) + version,
                              .body = std::move(body)});
}

void Cloud::method_answered(const Device& device, const Frame& frame) {
  std::string_view rest(frame.topic);
  rest.remove_prefix(std::string_view("$iothub/methods/res/").size());
  int status = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), status);
  const std::string rid = request_id(frame.topic);
  std::uint64_t request = 0;
  const auto [end, error] = std::from_chars(rid.data(), rid.data() + rid.size(), request, 16);
  const auto found = calls_.find(request);
  if (error != std::errc{} || end != rid.data() + rid.size() || found == calls_.end()) return;  // too late, or not ours
  if (found->second.device != device.id || found->second.answer) return;
  found->second.answer = CommandAnswer{.status = status, .payload = frame.body};
}

}  // namespace iotc_ha::lizard
