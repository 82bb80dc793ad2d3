#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/telemetry.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// User name, topics and property bags of an IoT hub over MQTT 3.1.1 (azure-protocol: "IoT Hub over MQTT"). Pure text.
namespace iotc_ha::azure {

/// `{hub}/{device_id}/?api-version=2021-04-12&DeviceClientType={product}&model-id={model_id}`, values percent-encoded.
[[nodiscard]] std::string hub_user_name(std::string_view hub, std::string_view device_id, std::string_view model_id,
                                        std::string_view product);

/// The four subscriptions of a device: C2D, twin responses, desired patches, direct methods. A hub takes five at most.
[[nodiscard]] std::array<std::string, 4> hub_subscriptions(std::string_view device_id);

/// `k=v&k2=v2`, both sides percent-encoded.
[[nodiscard]] std::string encode_property_bag(const core::Properties& properties);
/// The opposite; a key may stand without '='. Error InvalidPayload on a broken escape.
[[nodiscard]] core::Result<core::Properties> parse_property_bag(std::string_view bag);

/// `devices/{device_id}/messages/events/{bag}`: `$.mid`, `$.ct` application/json, `$.ce` utf-8, `$.sub` when there is a
/// component, `iothub-creation-time-utc`, `boot`, `seq`, then the message's own properties.
[[nodiscard]] std::string telemetry_topic(std::string_view device_id, const core::Telemetry& message);

/// A hub takes so many bytes of body and properties together, and closes the session on more.
inline constexpr std::size_t k_message_size_max = std::size_t{256} * 1024;
/// Whether a hub can take what a program hands in. Errors InvalidPayload (the body is not JSON; the id, the component
/// or a property cannot be sent or is one of ours) and PayloadTooLarge name what is wrong.
[[nodiscard]] core::Result<void> check_submission(const core::Submission& message);
[[nodiscard]] std::string twin_get_topic(std::uint64_t rid);
[[nodiscard]] std::string twin_patch_topic(std::uint64_t rid);
/// `rid` is the hub's, opaque, and echoed as it was received.
[[nodiscard]] std::string method_response_topic(int status, std::string_view rid);

/// "component*command" taken apart at the first '*'; without a component, or when a side would be empty ("*x", "x*"),
/// the whole text is the name.
struct CommandName {
  std::string component;
  std::string name;
  friend bool operator==(const CommandName&, const CommandName&) = default;
};
[[nodiscard]] CommandName split_command_name(std::string_view full);

/// What a message from the hub is, by its topic.
struct TwinResponse {  ///< answer to a GET (200) or a reported patch (204)
  int status = 0;
  std::string rid;
};
struct DesiredPatch {};
struct MethodRequest {
  std::string name;
  std::string rid;
};
struct CloudMessage {  ///< C2D
  core::Properties properties;
};
using InboundTopic = std::variant<TwinResponse, DesiredPatch, MethodRequest, CloudMessage>;
/// Error HubProtocol names a topic that is none of these; InvalidPayload says that a C2D message's bag is broken.
[[nodiscard]] core::Result<InboundTopic> parse_inbound_topic(std::string_view topic, std::string_view device_id);

/// `2026-11-23T10:00:00.000Z`
[[nodiscard]] std::string iso8601_utc(core::WallTime when);
/// Of `$.exp`, whose form nobody has written down: ISO 8601 in UTC, or milliseconds since 1970. Nothing for another.
[[nodiscard]] std::optional<core::WallTime> read_time(std::string_view text);

}  // namespace iotc_ha::azure
