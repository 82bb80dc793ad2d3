#include "cloud.hpp"

#include "error_body.hpp"
#include "network.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>

#include <algorithm>
#include <charconv>

namespace iotc_ha::lizard {
namespace {

constexpr std::size_t k_occurrences_kept = 100'000;
constexpr std::size_t k_cloud_messages_max = 50;

core::Error unknown_device(const std::string& id) {
  return {core::Fault::InvalidPayload, "no device '" + id + "' has ever registered"};
}

}  // namespace

std::string_view name_of(HubState state) noexcept {
  switch (state) {
    case HubState::Up: return "up";
    case HubState::Killed: return "killed";
    case HubState::Unplugged: return "unplugged";
    case HubState::Refusing: return "refusing";
  }
  return "";
}

Cloud::Cloud(const Settings& settings)
    : settings_(settings), occurrences_(k_occurrences_kept), telemetry_(settings.keep) {
  for (std::size_t i = 0; i < settings.hubs; ++i) {
    Hub hub;
    hub.name = hub_name(i);
    hub.address = hub_address(settings.network, i);
    hubs_.push_back(std::move(hub));
  }
}

void Cloud::note(core::WallTime now, std::string event, std::string device, std::string hub, std::string detail) {
  occurrences_.add({.time = now,
                    .event = std::move(event),
                    .device = std::move(device),
                    .hub = std::move(hub),
                    .detail = std::move(detail)});
}

std::vector<std::pair<std::size_t, Frame>> Cloud::take_orders() { return std::exchange(orders_, {}); }

core::Result<Device*> Cloud::find(const std::string& id) {
  const auto found = devices_.find(id);
  if (found == devices_.end()) return tl::unexpected(unknown_device(id));
  return &found->second;
}

Device* Cloud::device_of(std::size_t hub, std::uint64_t connection) {
  const auto found = device_of_connection_.find({hub, connection});
  return found == device_of_connection_.end() ? nullptr : &devices_.at(found->second);
}

// ---------------------------------------------------------------------------------------------------------------- hubs

std::optional<std::size_t> Cloud::find_hub(std::string_view name_or_address) const {
  for (std::size_t i = 0; i < hubs_.size(); ++i) {
    if (hubs_[i].name == name_or_address || hubs_[i].address == name_or_address) return i;
  }
  return std::nullopt;
}

void Cloud::attack(std::size_t hub, HubState state, std::uint8_t refusal_code, core::WallTime now) {
  hubs_[hub].state = state;
  hubs_[hub].refusal_code = refusal_code;
  std::string detail(name_of(state));
  if (state == HubState::Refusing) {
    detail += " with CONNACK " + std::to_string(refusal_code);
    order(hub, {.kind = FrameKind::KickAll});
  }
  note(now, "attacked", "", hubs_[hub].name, std::move(detail));
}

void Cloud::drop_sessions(std::size_t hub, core::WallTime now) {
  order(hub, {.kind = FrameKind::KickAll});
  note(now, "attacked", "", hubs_[hub].name, "sessions dropped");
}

void Cloud::revive(std::size_t hub, core::WallTime now) {
  std::string was(name_of(hubs_[hub].state));
  hubs_[hub].state = HubState::Up;
  note(now, "revived", "", hubs_[hub].name, "was " + was);
}

void Cloud::poison(std::string text, core::WallTime now) {
  poison_ = std::move(text);
  for (std::size_t hub = 0; hub < hubs_.size(); ++hub) order(hub, {.kind = FrameKind::Poison, .body = poison_});
  note(now, poison_.empty() ? "unpoisoned" : "poison", "", "", poison_);
}

void Cloud::throttle_twins(bool on, core::WallTime now) {
  twins_throttled_ = on;
  note(now, on ? "throttled" : "unthrottled", "", "", "twins");
}

void Cloud::started(std::size_t hub, core::WallTime now) {
  sessions_lost(hub, now);
  ++hubs_[hub].incarnation;
  order(hub, {.kind = FrameKind::Poison, .body = poison_});
}

void Cloud::sessions_lost(std::size_t hub, core::WallTime now) {
  for (auto& [id, device] : devices_) {
    if (device.session && device.session->hub == hub) end_session(device, now, "the hub is gone");
  }
}

void Cloud::receive(std::size_t hub, const Frame& frame, core::WallTime now) {
  if (frame.kind == FrameKind::Connect) return connect(hub, frame, now);
  if (frame.kind == FrameKind::Disconnected) return disconnected(hub, frame, now);
  Device* device = device_of(hub, frame.connection);
  if (device == nullptr) return;  // of a session that has been replaced meanwhile
  if (frame.kind == FrameKind::Subscribe) subscribed(*device, frame);
  if (frame.kind == FrameKind::Publish) published(*device, frame, now);
  if (frame.kind == FrameKind::Poisoned) note(now, "poisoned", device->id, hubs_[hub].name, "");
  if (frame.kind == FrameKind::Completed) {
    std::erase_if(device->cloud_messages, [&](const CloudMessage& message) { return message.topic == frame.topic; });
  }
}

// ------------------------------------------------------------------------------------------------------------- devices

core::Result<core::Secret> Cloud::key_of(std::string_view registration_id) const {
  const auto individual = settings_.device_keys.find(std::string(registration_id));
  if (individual != settings_.device_keys.end()) return individual->second;
  return azure::derive_device_key(settings_.group_key, registration_id);
}

const Device& Cloud::registered(const std::string& id, const core::Secret& key, const std::string& model_id,
                                core::WallTime now) {
  auto [found, created] = devices_.try_emplace(id);
  Device& device = found->second;
  if (created) {
    device.id = id;
    device.key = key;
    device.created = now;
    device.home = device.assigned = find_hub(settings_.home).value_or(0);
  }
  if (!model_id.empty()) device.model_id = model_id;
  device.updated = now;
  ++device.registrations;
  return device;
}

const Hub& Cloud::assign(const std::string& id, core::WallTime now) {
  Device& device = devices_.at(id);
  const Hub& present = hubs_[device.assigned];
  if (present.state == HubState::Up || !settings_.auto_failover) return present;
  for (std::size_t step = 1; step < hubs_.size(); ++step) {
    const std::size_t candidate = (device.assigned + step) % hubs_.size();
    if (hubs_[candidate].state != HubState::Up) continue;
    reassign(device, candidate, now, present.name + " is " + std::string(name_of(present.state)));
    break;
  }
  return hubs_[device.assigned];
}

void Cloud::reassign(Device& device, std::size_t hub, core::WallTime now, std::string why) {
  device.assigned = hub;
  device.updated = now;
  device.substatus = hub == device.home      ? "reprovisionedToInitialAssignment"
                     : settings_.fresh_twins ? "deviceDataReset"
                                             : "deviceDataMigrated";
  if (settings_.fresh_twins) device.twin = Twin{};
  if (device.session && device.session->hub != hub) kick(device);
  note(now, "moved", device.id, hubs_[hub].name, std::move(why));
}

core::Result<void> Cloud::move(const std::string& id, std::size_t hub, std::optional<std::chrono::seconds> ttl,
                               core::WallTime now) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  Device& device = **found;
  if (device.assigned == hub) {
    return core::fail(core::Fault::InvalidPayload, "device '" + id + "' is on " + hubs_[hub].name + " already");
  }
  const std::size_t before = device.assigned;
  device.ttl_until.reset();
  std::string why = "from " + hubs_[before].name;
  if (ttl) {
    device.ttl_until = now + *ttl;
    device.ttl_hub = before;
    timers_.emplace(*device.ttl_until, Timer{Timer::Kind::MoveBack, id, 0, before});
    why += ", back in " + std::to_string(ttl->count()) + " s";
  }
  reassign(device, hub, now, std::move(why));
  return {};
}

core::Result<std::size_t> Cloud::fail_back(const std::string& id, core::WallTime now) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  Device& device = **found;
  const std::size_t target = device.ttl_until ? device.ttl_hub : device.home;
  const std::size_t before = device.assigned;
  if (target == before) {
    return core::fail(core::Fault::InvalidPayload, "device '" + id + "' is on its original hub already");
  }
  device.ttl_until.reset();
  reassign(device, target, now, "failed back from " + hubs_[before].name);
  return before;
}

core::Result<void> Cloud::set_enabled(const std::string& id, bool enabled, core::WallTime now) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  (*found)->enabled = enabled;
  if (!enabled) kick(**found);
  note(now, enabled ? "enabled" : "disabled", id, "", "");
  return {};
}

core::Result<std::string> Cloud::twin_of(const std::string& id) const {
  const auto found = devices_.find(id);
  if (found == devices_.end()) return tl::unexpected(unknown_device(id));
  return found->second.twin.document();
}

core::Result<std::uint64_t> Cloud::patch_desired(const std::string& id, std::string_view patch, core::WallTime now,
                                                 Push push) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  Device& device = **found;
  auto pushed = device.twin.patch_desired(patch, now);
  if (!pushed) return tl::unexpected(pushed.error());
  const std::uint64_t version = device.twin.desired_version();
  const bool online = device.session && device.session->desired;
  note(now, "desired", id, online ? hubs_[device.session->hub].name : "", "version " + std::to_string(version));
  if (online && push == Push::Sent) {
    order(device.session->hub, {.kind = FrameKind::Send,
                                .connection = device.session->connection,
                                .name = id,
                                .topic = "$iothub/twin/PATCH/properties/desired/?$version=" + std::to_string(version),
                                .body = std::move(*pushed)});
  }
  return version;
}

core::Result<void> Cloud::push_garbage(const std::string& id, std::string patch) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  const Device& device = **found;
  if (!device.session || !device.session->desired) {
    return core::fail(core::Fault::Unreachable, "device '" + id + "' does not listen to desired properties");
  }
  const std::string version = std::to_string(device.twin.desired_version() + 1);
  order(device.session->hub, {.kind = FrameKind::Send,
                              .connection = device.session->connection,
                              .name = id,
                              .topic = "$iothub/twin/PATCH/properties/desired/?$version=" + version,
                              .body = std::move(patch)});
  return {};
}

core::Result<std::string> Cloud::send(const std::string& id, std::string body, core::Properties properties,
                                      const std::string& message_id, core::WallTime now) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  Device& device = **found;
  if (device.cloud_messages.size() >= k_cloud_messages_max) {
    return core::fail(core::Fault::InvalidPayload,
                      "device '" + id + "' has " + std::to_string(k_cloud_messages_max) + " messages waiting already");
  }
  CloudMessage message{
      .mid = message_id.empty() ? random_uuid() : message_id, .topic = {}, .body = std::move(body), .handed_to = {}};
  core::Properties bag{{"$.mid", message.mid}, {"$.to", "/devices/" + id + "/messages/deviceBound"}};
  std::ranges::move(properties, std::back_inserter(bag));
  bag.emplace_back("iothub-ack", "none");
  message.topic = "devices/" + id + "/messages/devicebound/" + azure::encode_property_bag(bag);
  std::string mid = message.mid;
  device.cloud_messages.push_back(std::move(message));
  note(now, "c2d", id, "", mid);
  deliver(device);
  return mid;
}

/// Hands over what waits, if the device is connected and has subscribed on this hub, now or in an earlier connection.
void Cloud::deliver(Device& device) {
  if (!device.session) return;
  const std::pair here{device.session->hub, hubs_[device.session->hub].incarnation};
  if (device.c2d_subscribed_on != here) return;
  for (CloudMessage& message : device.cloud_messages) {
    if (message.handed_to == here) continue;
    message.handed_to = here;
    order(here.first, {.kind = FrameKind::Send,
                       .number = 1,
                       .connection = device.session->connection,
                       .name = device.id,
                       .topic = message.topic,
                       .body = message.body});
  }
}

core::Result<std::uint64_t> Cloud::call(const std::string& id, const std::string& method, std::string payload,
                                        core::WallTime now) {
  auto found = find(id);
  if (!found) return tl::unexpected(found.error());
  const Device& device = **found;
  if (!device.session) return core::fail(core::Fault::Unreachable, "device '" + id + "' is not connected");
  if (!device.session->methods) {
    return core::fail(core::Fault::Unreachable,
                      "device '" + id + "' is connected but has not subscribed to direct methods");
  }
  const std::uint64_t request = ++last_call_;
  calls_[request] = {.device = id, .connection = device.session->connection, .hub = device.session->hub, .answer = {}};
  std::string rid(16, '\0');
  rid.resize(
      static_cast<std::size_t>(std::to_chars(rid.data(), rid.data() + rid.size(), request, 16).ptr - rid.data()));
  order(device.session->hub, {.kind = FrameKind::Send,
                              .connection = device.session->connection,
                              .name = id,
                              .topic = "$iothub/methods/POST/" + method + "/?$rid=" + rid,
                              .body = payload.empty() ? "null" : std::move(payload)});  // a hub sends JSON always
  note(now, "command", id, hubs_[device.session->hub].name, method);
  return request;
}

std::optional<core::Result<CommandAnswer>> Cloud::answer_to(std::uint64_t request) const {
  const auto found = calls_.find(request);
  return found == calls_.end() ? std::nullopt : found->second.answer;
}

// ---------------------------------------------------------------------------------------------------------------- time

std::optional<core::WallTime> Cloud::deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

void Cloud::advance(core::WallTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Timer timer = timers_.extract(timers_.begin()).mapped();
    Device& device = devices_.at(timer.device);
    if (timer.kind == Timer::Kind::MoveBack) {
      if (!device.ttl_until || *device.ttl_until > now) continue;  // another move has come in between
      device.ttl_until.reset();
      reassign(device, timer.hub, now, "the time to live is over");
    } else if (device.session && device.session->connection == timer.connection && device.session->hub == timer.hub) {
      ++device.expiry_cuts;
      note(now, "expired", device.id, hubs_[timer.hub].name, "the token's time is over");
      kick(device);
    }
  }
}

}  // namespace iotc_ha::lizard
