#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The server's half of RFC 6455, as far as MQTT needs it: binary messages, of which MQTT ignores where they end.
namespace iotc_ha::lizard {

enum class WebSocketOpcode : std::uint8_t {
  Continuation = 0x0,
  Text = 0x1,
  Binary = 0x2,
  Close = 0x8,
  Ping = 0x9,
  Pong = 0xA
};

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
[[nodiscard]] std::string websocket_accept(std::string_view key);

/// A whole message of the server.
[[nodiscard]] std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload);
/// A Close message with its code, e.g. 1000 for a normal end.
[[nodiscard]] std::string websocket_close(std::uint16_t code);

/// Takes the frames of a client apart, however the stream is cut.
class WebSocketReader {
 public:
  /// Appends what the client carries to `carried`, and what it is owed for a Ping or a Close to `answers`. False when
  /// nothing more is to be read: it has closed, or broken the protocol (its answer is a Close that says so).
  [[nodiscard]] bool feed(std::string_view bytes, std::string& carried, std::string& answers);

 private:
  [[nodiscard]] bool read_header(std::string& answers);
  [[nodiscard]] bool finish_control(std::string& answers);
  [[nodiscard]] std::size_t header_size() const;

  std::string header_;  ///< of the present frame, as far as it has come
  bool in_body_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::Binary;
  std::uint64_t remaining_ = 0;
  std::size_t mask_at_ = 0;  ///< which of the mask's four bytes is next
  std::string control_;      ///< payload of the present control frame
};

}  // namespace iotc_ha::lizard
