#pragma once

#include "link.hpp"
#include "records.hpp"
#include "settings.hpp"
#include "twin.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>
#include <iotc_ha/core/telemetry.hpp>
#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {

enum class HubState : std::uint8_t { Up, Killed, Unplugged, Refusing };
/// "up", "killed", "unplugged", "refusing"
[[nodiscard]] std::string_view name_of(HubState state) noexcept;

struct Hub {
  std::string name;     ///< hub-a
  std::string address;  ///< what DPS answers as assignedHub
  HubState state = HubState::Up;
  std::uint8_t refusal_code = 3;  ///< while Refusing
  std::uint64_t incarnation = 0;  ///< grows with each mosquitto process: sessions do not outlive one
  std::uint64_t connections = 0;
  std::uint64_t refusals = 0;
  std::uint64_t telemetry = 0;
};

/// An open MQTT session, as the hub sees it.
struct Session {
  std::size_t hub = 0;
  std::uint64_t connection = 0;
  core::WallTime since{};
  core::WallTime expiry{};
  bool twin = false;     ///< subscribed in this session to twin responses,
  bool desired = false;  ///< desired patches,
  bool methods = false;  ///< direct methods
};

struct CloudMessage {
  std::string mid;
  std::string topic;
  std::string body;
  /// The hub and its incarnation that have it in the device's session, and will send it again by themselves.
  std::optional<std::pair<std::size_t, std::uint64_t>> handed_to;
};

struct Device {
  std::string id;
  core::Secret key;
  std::string model_id;
  bool enabled = true;
  std::size_t home = 0;
  std::size_t assigned = 0;
  std::string substatus = "initialAssignment";
  std::optional<core::WallTime> ttl_until;  ///< a manual failover ends then,
  std::size_t ttl_hub = 0;                  ///< and the device goes back here
  core::WallTime created{};
  core::WallTime updated{};
  Twin twin;
  std::optional<Session> session;
  std::deque<CloudMessage> cloud_messages;
  std::optional<std::pair<std::size_t, std::uint64_t>> c2d_subscribed_on;  ///< hub, incarnation
  std::uint64_t registrations = 0;
  std::uint64_t connections = 0;
  std::uint64_t expiry_cuts = 0;
  std::uint64_t clean_disconnects = 0;
};

struct CommandAnswer {
  int status = 0;
  std::string payload;
};

/// What the cloud knows and decides: hubs, devices, where each is assigned, twins, messages. No thread, no socket and
/// no clock: time comes in as an argument, and what hubs are to do goes out by take_orders(). Callers lock.
class Cloud {
 public:
  explicit Cloud(const Settings& settings);

  // Hubs
  [[nodiscard]] const std::vector<Hub>& hubs() const noexcept { return hubs_; }
  [[nodiscard]] std::optional<std::size_t> find_hub(std::string_view name_or_address) const;
  void attack(std::size_t hub, HubState state, std::uint8_t refusal_code, core::WallTime now);
  void drop_sessions(std::size_t hub, core::WallTime now);
  void revive(std::size_t hub, core::WallTime now);
  /// Every hub closes the connection of a device that sends a body with this text in it; "": none does any more.
  void poison(std::string text, core::WallTime now);
  /// Every hub answers 429 to reported properties, which are not taken.
  void throttle_twins(bool on, core::WallTime now);
  [[nodiscard]] const std::string& poison() const noexcept { return poison_; }
  /// A mosquitto process was started for this hub; all sessions with the one before are over.
  void started(std::size_t hub, core::WallTime now);
  /// The mosquitto process has ended, or its connections have been reset.
  void sessions_lost(std::size_t hub, core::WallTime now);
  /// What the plugin says.
  void receive(std::size_t hub, const Frame& frame, core::WallTime now);
  /// What the hubs are to do since the last call, in this order.
  [[nodiscard]] std::vector<std::pair<std::size_t, Frame>> take_orders();

  // Devices
  [[nodiscard]] const std::map<std::string, Device, std::less<>>& devices() const noexcept { return devices_; }
  [[nodiscard]] core::Result<core::Secret> key_of(std::string_view registration_id) const;
  /// Counts a registration; the first creates the device.
  const Device& registered(const std::string& id, const core::Secret& key, const std::string& model_id,
                           core::WallTime now);
  /// The hub for a device that asks now; a living one, if there is one and automatic failover is on.
  const Hub& assign(const std::string& id, core::WallTime now);
  /// Errors of all below: InvalidPayload or PayloadTooLarge with a text that names the device, hub or value.
  [[nodiscard]] core::Result<void> move(const std::string& id, std::size_t hub, std::optional<std::chrono::seconds> ttl,
                                        core::WallTime now);
  /// Ends a manual failover before its time. Returns the hub that the device leaves.
  [[nodiscard]] core::Result<std::size_t> fail_back(const std::string& id, core::WallTime now);
  [[nodiscard]] core::Result<void> set_enabled(const std::string& id, bool enabled, core::WallTime now);
  [[nodiscard]] core::Result<std::string> twin_of(const std::string& id) const;
  /// Lost: the device is not told, as by a hub that loses a patch on the way.
  enum class Push : std::uint8_t { Sent, Lost };
  [[nodiscard]] core::Result<std::uint64_t> patch_desired(const std::string& id, std::string_view patch,
                                                          core::WallTime now, Push push = Push::Sent);
  /// Sends a device a desired patch that no twin would have taken. Nothing is changed by it.
  [[nodiscard]] core::Result<void> push_garbage(const std::string& id, std::string patch);
  /// Queues a message to a device, with this message id or, "", a new one. Returns the id.
  [[nodiscard]] core::Result<std::string> send(const std::string& id, std::string body, core::Properties properties,
                                               const std::string& message_id, core::WallTime now);
  /// Calls a direct method. The answer is there when answer_to(request) says so. Error Unreachable: the device is
  /// not connected, or does not listen to methods.
  [[nodiscard]] core::Result<std::uint64_t> call(const std::string& id, const std::string& method, std::string payload,
                                                 core::WallTime now);
  [[nodiscard]] std::optional<core::Result<CommandAnswer>> answer_to(std::uint64_t request) const;
  void forget(std::uint64_t request) { calls_.erase(request); }

  // Time
  [[nodiscard]] std::optional<core::WallTime> deadline() const;
  void advance(core::WallTime now);

  // Records
  [[nodiscard]] const Records<Occurrence>& occurrences() const noexcept { return occurrences_; }
  [[nodiscard]] const Records<Received>& telemetry() const noexcept { return telemetry_; }
  void note(core::WallTime now, std::string event, std::string device, std::string hub, std::string detail);

 private:
  struct Timer {
    enum class Kind : std::uint8_t { TokenExpiry, MoveBack } kind;
    std::string device;
    std::uint64_t connection;  ///< of TokenExpiry
    std::size_t hub;
  };
  struct Call {
    std::string device;
    std::uint64_t connection;
    std::size_t hub;
    std::optional<core::Result<CommandAnswer>> answer;
  };
  struct Verdict {
    std::uint8_t code = 0;
    std::string reason;
    core::WallTime expiry{};
  };

  [[nodiscard]] core::Result<Device*> find(const std::string& id);
  [[nodiscard]] Device* device_of(std::size_t hub, std::uint64_t connection);
  [[nodiscard]] Verdict judge(std::size_t hub, const Frame& connect, core::WallTime now) const;
  void connect(std::size_t hub, const Frame& frame, core::WallTime now);
  void disconnected(std::size_t hub, const Frame& frame, core::WallTime now);
  void subscribed(Device& device, const Frame& frame);
  void published(Device& device, const Frame& frame, core::WallTime now);
  void method_answered(const Device& device, const Frame& frame);
  void end_session(Device& device, core::WallTime now, std::string_view how);
  void deliver(Device& device);
  void kick(const Device& device);
  void reassign(Device& device, std::size_t hub, core::WallTime now, std::string why);
  void order(std::size_t hub, Frame frame) { orders_.emplace_back(hub, std::move(frame)); }

  const Settings& settings_;
  std::vector<Hub> hubs_;
  std::string poison_;
  bool twins_throttled_ = false;
  std::map<std::string, Device, std::less<>> devices_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::string> device_of_connection_;
  std::multimap<core::WallTime, Timer> timers_;
  std::map<std::uint64_t, Call> calls_;
  std::vector<std::pair<std::size_t, Frame>> orders_;
  Records<Occurrence> occurrences_;
  Records<Received> telemetry_;
  std::uint64_t last_call_ = 0;
};

}  // namespace iotc_ha::lizard
