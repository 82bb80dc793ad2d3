#include "dps_mqtt.hpp"

#include <algorithm>
#include <string_view>

namespace iotc_ha::lizard {
namespace {

constexpr std::string_view k_register = "$dps/registrations/PUT/iotdps-register/?";
constexpr std::string_view k_poll = "$dps/registrations/GET/iotdps-get-operationstatus/?";

/// The value of a `name=value` among those between '&', as it is written.
std::string value_of(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return std::string(pair.substr(name.size() + 1));
    }
  }
  return {};
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

void DpsMqtt::receive(const Frame& frame, core::WallTime now) {
  if (frame.kind == FrameKind::Connect) return connect(frame, now);
  const auto found = sessions_.find(frame.connection);
  if (found == sessions_.end()) return;
  if (frame.kind == FrameKind::Disconnected) sessions_.erase(found);
  if (frame.kind == FrameKind::Subscribe) found->second.subscribed = true;
  if (frame.kind == FrameKind::Publish) published(found->second, frame, now);
}

void DpsMqtt::connect(const Frame& frame, core::WallTime now) {
  // {scope}/registrations/{id}/api-version={version}[&ClientVersion=...]
  Session session{.scope = frame.topic.substr(0, frame.topic.find('/')),
                  .registration_id = frame.name,
                  .api_version = {},
                  .token = frame.body};
  const std::string start = session.scope + "/registrations/" + session.registration_id + "/";
  if (frame.topic.starts_with(start)) session.api_version = value_of(frame.topic.substr(start.size()), "api-version");

  std::uint8_t code = 0;
  std::string reason;
  if (frame.number != k_mqtt_3_1_1) {
    code = k_bad_protocol;
    reason = "not MQTT 3.1.1";
  } else if (dps_.is_refusing()) {
    code = k_server_unavailable;
    reason = "DPS is under attack";
  } else if (session.api_version.empty()) {
    code = k_bad_user_name;
    reason = "the user name is not '{id scope}/registrations/" + frame.name + "/api-version=...'";
  } else if (session.scope != settings_.id_scope) {
    code = k_not_authorized;
    reason = "the ID scope is unknown";
  } else if (!dps_.accepts(session.scope, session.registration_id, session.token, now)) {
    code = k_not_authorized;
    reason = "DPS does not accept the token";
  }
  orders_.push_back({.kind = FrameKind::Verdict, .number = code, .connection = frame.connection});
  if (code == 0) {
    sessions_[frame.connection] = std::move(session);
  } else {
    cloud_.note(now, "unauthorized", frame.name, "", "CONNACK " + std::to_string(code) + ": " + reason);
  }
}

void DpsMqtt::published(const Session& session, const Frame& frame, core::WallTime now) {
  const bool is_poll = frame.topic.starts_with(k_poll);
  const std::string_view query = std::string_view(frame.topic).substr((is_poll ? k_poll : k_register).size());
  const std::string path = "/" + session.scope + "/registrations/" + session.registration_id;
  HttpRequest request{.method = is_poll ? "GET" : "PUT",
                      .path = path + (is_poll ? "/operations/" + value_of(query, "operationId") : "/register"),
                      .api_version = session.api_version,
                      .authorization = session.token,
                      .content_type = "application/json",
                      .body = is_blank(frame.body) ? "" : frame.body};
  const HttpAnswer answer = dps_.answer(request, now);
  if (!session.subscribed) return;  // nobody listens for the answer
  std::string topic = "$dps/registrations/res/" + std::to_string(answer.status) + "/?$rid=" + value_of(query, "$rid");
  const auto wait =
      std::ranges::find_if(answer.headers, [](const auto& header) { return header.first == "Retry-After"; });
  if (wait != answer.headers.end()) topic += "&retry-after=" + wait->second;
  orders_.push_back({.kind = FrameKind::Send,
                     .connection = frame.connection,
                     .name = session.registration_id,
                     .topic = std::move(topic),
                     .body = answer.body});
}

}  // namespace iotc_ha::lizard
