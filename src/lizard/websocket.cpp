#include "websocket.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace iotc_ha::lizard {
namespace {

constexpr std::uint8_t k_final = 0x80;
constexpr std::uint8_t k_reserved = 0x70;
constexpr std::uint8_t k_opcode = 0x0F;
constexpr std::uint8_t k_masked = 0x80;
constexpr std::uint8_t k_length = 0x7F;
constexpr std::uint8_t k_length_in_2_bytes = 126;
constexpr std::uint8_t k_length_in_8_bytes = 127;
constexpr std::size_t k_mask_bytes = 4;
constexpr std::size_t k_control_bytes_max = 125;

constexpr std::uint16_t k_normal_end = 1000;
constexpr std::uint16_t k_protocol_error = 1002;
constexpr std::uint16_t k_unacceptable = 1003;

std::uint8_t byte(char c) { return static_cast<std::uint8_t>(c); }

bool is_control(WebSocketOpcode opcode) { return (static_cast<std::uint8_t>(opcode) & 0x8U) != 0; }

void append_number(std::string& text, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>((number >> shift) & 0xFFU);
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 1.3
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length)};
}

std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload) {
  std::string frame(1, static_cast<char>(k_final | static_cast<std::uint8_t>(opcode)));
  if (payload.size() < k_length_in_2_bytes) {
    append_number(frame, payload.size(), 1);
  } else if (payload.size() <= 0xFFFF) {
    append_number(frame, k_length_in_2_bytes, 1);
    append_number(frame, payload.size(), 2);
  } else {
    append_number(frame, k_length_in_8_bytes, 1);
    append_number(frame, payload.size(), 8);
  }
  return frame.append(payload);
}

std::string websocket_close(std::uint16_t code) {
  std::string payload;
  append_number(payload, code, 2);
  return websocket_frame(WebSocketOpcode::Close, payload);
}

/// Of a client's frame, once its second byte is there.
std::size_t WebSocketReader::header_size() const {
  if ((byte(header_[1]) & k_masked) == 0) return 2;  // is refused whatever follows
  const std::uint8_t length = byte(header_[1]) & k_length;
  const std::size_t extended = length == k_length_in_2_bytes ? 2 : length == k_length_in_8_bytes ? 8 : 0;
  return 2 + extended + k_mask_bytes;
}

bool WebSocketReader::read_header(std::string& answers) {
  const std::uint8_t first = byte(header_[0]);
  const std::uint8_t second = byte(header_[1]);
  if ((second & k_masked) == 0) {
    answers += websocket_close(k_protocol_error);
    return false;
  }
  opcode_ = static_cast<WebSocketOpcode>(first & k_opcode);
  remaining_ = second & k_length;
  if (remaining_ >= k_length_in_2_bytes) {
    const std::size_t end = header_.size() - k_mask_bytes;
    remaining_ = 0;
    for (std::size_t at = 2; at < end; ++at) remaining_ = remaining_ << 8U | byte(header_[at]);
  }
  if (opcode_ == WebSocketOpcode::Text) {
    answers += websocket_close(k_unacceptable);  // MQTT 3.1.1, 6: other than binary frames close the connection
    return false;
  }
  const bool known = opcode_ == WebSocketOpcode::Binary || opcode_ == WebSocketOpcode::Continuation ||
                     opcode_ == WebSocketOpcode::Close || opcode_ == WebSocketOpcode::Ping ||
                     opcode_ == WebSocketOpcode::Pong;
  const bool cut_control = is_control(opcode_) && ((first & k_final) == 0 || remaining_ > k_control_bytes_max);
  if (!known || cut_control || (first & k_reserved) != 0) {
    answers += websocket_close(k_protocol_error);
    return false;
  }
  in_body_ = true;
  mask_at_ = 0;
  control_.clear();
  return true;
}

bool WebSocketReader::finish_control(std::string& answers) {
  if (opcode_ == WebSocketOpcode::Ping) answers += websocket_frame(WebSocketOpcode::Pong, control_);
  if (opcode_ != WebSocketOpcode::Close) return true;
  answers += websocket_close(k_normal_end);
  return false;
}

bool WebSocketReader::feed(std::string_view bytes, std::string& carried, std::string& answers) {
  while (true) {
    if (!in_body_) {
      const std::size_t wanted = header_.size() < 2 ? 2 : header_size();
      const std::size_t taken = std::min(wanted - header_.size(), bytes.size());
      header_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (header_.size() < 2 || header_.size() < header_size()) {
        if (bytes.empty()) return true;
        continue;
      }
      if (!read_header(answers)) return false;
    }
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
    std::string& to = is_control(opcode_) ? control_ : carried;
    for (std::size_t i = 0; i < taken; ++i) {
      to += static_cast<char>(byte(bytes[i]) ^ byte(header_[header_.size() - k_mask_bytes + mask_at_]));
      mask_at_ = (mask_at_ + 1) % k_mask_bytes;
    }
    bytes.remove_prefix(taken);
    remaining_ -= taken;
    if (remaining_ > 0) return true;
    if (is_control(opcode_) && !finish_control(answers)) return false;
    in_body_ = false;
    header_.clear();
    if (bytes.empty()) return true;
  }
}

}  // namespace iotc_ha::lizard
