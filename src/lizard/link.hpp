#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

/// What the plugin in a hub's mosquitto and the cloud say to each other, over a socket pair. Standard library only: the
/// plugin lives in somebody else's process. Both ends are on one machine, so integers travel as the machine has them.
namespace iotc_ha::lizard {

enum class FrameKind : std::uint8_t {
  // from the hub
  Ready,         ///< mosquitto listens
  Connect,       ///< CONNECT: name client id, topic user name, body password, number protocol level, flag clean session
  Disconnected,  ///< the connection is over; flag: the client had sent DISCONNECT
  Subscribe,     ///< topic: a documented filter that was granted
  Publish,       ///< topic, body, number QoS, flag RETAIN
  Poisoned,      ///< the connection is closed for a body with the poison in it, which was not taken
  Completed,     ///< the device has sent the PUBACK for the QoS 1 message on this topic
  // from the cloud
  Verdict,  ///< answer to Connect: number is the CONNACK code
  Send,     ///< to client `name`: topic, body, number QoS. QoS 0 is dropped if this connection is over
  Kick,     ///< closes this connection
  KickAll,  ///< closes all
  Poison,   ///< body: from now on a connection is closed when this text comes in a body; "": no text is poison
  Die,      ///< resets all connections and ends the process at once
};

// MQTT 3.1.1, 3.1.2.2 and 3.2.2.3: the number of a Connect, and those of a Verdict.
inline constexpr std::uint8_t k_mqtt_3_1_1 = 4;
inline constexpr std::uint8_t k_bad_protocol = 1;
inline constexpr std::uint8_t k_server_unavailable = 3;
inline constexpr std::uint8_t k_bad_user_name = 4;
inline constexpr std::uint8_t k_not_authorized = 5;

struct Frame {
  FrameKind kind{};
  std::uint8_t number = 0;
  bool flag = false;
  std::uint64_t connection = 0;  ///< given by the plugin, never used twice in a process
  std::string name{};
  std::string topic{};
  std::string body{};
};

/// Far larger than the largest thing that a hub takes (a message of 256 KiB and its topic): a device is to be shown
/// what a hub that has lost its limits would send.
inline constexpr std::uint32_t k_frame_bytes_max = 16U << 20U;

[[nodiscard]] inline std::string encode(const Frame& frame) {
  std::string bytes;
  const auto append = [&bytes](const void* from, std::size_t size) {
    bytes.append(static_cast<const char*>(from), size);
  };
  const auto append_text = [&append](const std::string& text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    append(&size, sizeof size);
    append(text.data(), text.size());
  };
  const auto size = static_cast<std::uint32_t>(3 + sizeof(std::uint64_t) + 3 * sizeof(std::uint32_t) +
                                               frame.name.size() + frame.topic.size() + frame.body.size());
  bytes.reserve(sizeof size + size);
  append(&size, sizeof size);
  append(&frame.kind, 1);
  append(&frame.number, 1);
  const auto flag = static_cast<std::uint8_t>(frame.flag ? 1 : 0);
  append(&flag, 1);
  append(&frame.connection, sizeof frame.connection);
  append_text(frame.name);
  append_text(frame.topic);
  append_text(frame.body);
  return bytes;
}

/// Cuts a stream of bytes into frames.
class FrameReader {
 public:
  void append(const char* bytes, std::size_t size) { buffer_.append(bytes, size); }

  /// The next whole frame, if there is one. `broken()` tells that the stream cannot be read any more.
  [[nodiscard]] std::optional<Frame> next() {
    std::uint32_t size = 0;
    if (broken_ || buffer_.size() - start_ < sizeof size) return std::nullopt;
    std::memcpy(&size, buffer_.data() + start_, sizeof size);
    if (size > k_frame_bytes_max) broken_ = true;
    if (broken_ || buffer_.size() - start_ - sizeof size < size) return std::nullopt;
    std::string_view rest(buffer_.data() + start_ + sizeof size, size);
    Frame frame;
    std::uint8_t flag = 0;
    take(rest, &frame.kind, 1);
    take(rest, &frame.number, 1);
    take(rest, &flag, 1);
    frame.flag = flag != 0;
    take(rest, &frame.connection, sizeof frame.connection);
    frame.name = take_text(rest);
    frame.topic = take_text(rest);
    frame.body = take_text(rest);
    if (broken_) return std::nullopt;
    start_ += sizeof size + size;
    if (start_ == buffer_.size()) {
      buffer_.clear();
      start_ = 0;
    } else if (start_ > k_frame_bytes_max) {
      buffer_.erase(0, start_);
      start_ = 0;
    }
    return frame;
  }

  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  void take(std::string_view& rest, void* to, std::size_t size) {
    if (rest.size() < size) {
      broken_ = true;
      return;
    }
    std::memcpy(to, rest.data(), size);
    rest.remove_prefix(size);
  }
  std::string take_text(std::string_view& rest) {
    std::uint32_t size = 0;
    take(rest, &size, sizeof size);
    if (broken_ || rest.size() < size) {
      broken_ = true;
      return {};
    }
    std::string text(rest.substr(0, size));
    rest.remove_prefix(size);
    return text;
  }

  std::string buffer_;
  std::size_t start_ = 0;
  bool broken_ = false;
};

}  // namespace iotc_ha::lizard
