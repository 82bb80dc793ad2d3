#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The client's half of RFC 6455, as far as MQTT needs it: a stream of bytes in binary messages, of which MQTT ignores
/// where they end (MQTT 3.1.1, 6). Pure: random bytes come in as arguments.
namespace iotc_ha::hub::websocket {

enum class Opcode : std::uint8_t { Continuation = 0x0, Text = 0x1, Binary = 0x2, Close = 0x8, Ping = 0x9, Pong = 0xA };

using Mask = std::array<unsigned char, 4>;

/// The Sec-WebSocket-Accept that a server must answer to a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_for(std::string_view key);

/// A whole message of the client's.
[[nodiscard]] std::string frame(Opcode opcode, std::string_view payload, const Mask& mask);

inline constexpr std::uint16_t k_normal_end = 1000;
inline constexpr std::uint16_t k_protocol_error = 1002;
/// What a Close message carries.
[[nodiscard]] std::string close_payload(std::uint16_t code);

/// Takes what a server sends apart, however the stream is cut. It keeps no more than a header and one control message.
class Reader {
 public:
  enum class State : std::uint8_t { Open, Closed, Broken };

  /// Appends what the server carries to `carried`. What follows a Close or an error is not read.
  State feed(std::string_view bytes, std::string& carried);
  /// The payload of the last ping, once: it wants a pong. Those before it need none (RFC 6455, 5.5.3).
  [[nodiscard]] std::optional<std::string> take_ping();
  /// The code and the reason of the server's Close, or what is wrong with what it sent; for people.
  [[nodiscard]] const std::string& farewell() const { return farewell_; }

 private:
  [[nodiscard]] std::size_t header_size() const;
  bool read_header();
  void finish_control();
  bool broken(std::string why);

  State state_ = State::Open;
  std::string header_;  ///< of the present frame, as far as it has come
  bool in_body_ = false;
  bool in_message_ = false;  ///< a binary message is unfinished
  Opcode opcode_ = Opcode::Binary;
  std::uint64_t remaining_ = 0;
  std::string control_;  ///< payload of the present control frame
  std::optional<std::string> ping_;
  std::string farewell_;
};

}  // namespace iotc_ha::hub::websocket
