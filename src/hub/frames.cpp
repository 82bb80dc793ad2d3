#include "frames.hpp"

#include <iotc_ha/azure/text.hpp>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

namespace iotc_ha::hub::websocket {
namespace {

// RFC 6455, 5.2
constexpr std::uint8_t k_final = 0x80;
constexpr std::uint8_t k_reserved = 0x70;
constexpr std::uint8_t k_opcode = 0x0F;
constexpr std::uint8_t k_masked = 0x80;
constexpr std::uint8_t k_length = 0x7F;
constexpr std::uint8_t k_length_in_2_bytes = 126;
constexpr std::uint8_t k_length_in_8_bytes = 127;
constexpr std::size_t k_control_max = 125;

std::uint8_t byte(char c) { return static_cast<std::uint8_t>(c); }

bool is_control(Opcode opcode) { return (static_cast<std::uint8_t>(opcode) & 0x8U) != 0; }

bool is_known(Opcode opcode) {
  const auto number = static_cast<std::uint8_t>(opcode);
  return number <= 0x2 || (number >= 0x8 && number <= 0xA);
}

void append_number(std::string& text, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>((number >> shift) & 0xFFU);
}

}  // namespace

std::string accept_for(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 1.3
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length)};
}

std::string frame(Opcode opcode, std::string_view payload, const Mask& mask) {
  std::string bytes(1, static_cast<char>(k_final | static_cast<std::uint8_t>(opcode)));
  if (payload.size() < k_length_in_2_bytes) {
    append_number(bytes, k_masked | payload.size(), 1);
  } else if (payload.size() <= 0xFFFF) {
    append_number(bytes, k_masked | k_length_in_2_bytes, 1);
    append_number(bytes, payload.size(), 2);
  } else {
    append_number(bytes, k_masked | k_length_in_8_bytes, 1);
    append_number(bytes, payload.size(), 8);
  }
  for (const unsigned char each : mask) bytes += static_cast<char>(each);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes += static_cast<char>(byte(payload[i]) ^ mask.at(i % mask.size()));
  }
  return bytes;
}

std::string close_payload(std::uint16_t code) {
  std::string payload;
  append_number(payload, code, 2);
  return payload;
}

/// Of a server's frame, once its second byte is there.
std::size_t Reader::header_size() const {
  const std::uint8_t length = byte(header_[1]) & k_length;
  return 2U + (length == k_length_in_2_bytes ? 2U : length == k_length_in_8_bytes ? 8U : 0U);
}

bool Reader::broken(std::string why) {
  state_ = State::Broken;
  farewell_ = std::move(why);
  return false;
}

bool Reader::read_header() {
  const std::uint8_t first = byte(header_[0]);
  const bool is_final = (first & k_final) != 0;
  opcode_ = static_cast<Opcode>(first & k_opcode);
  remaining_ = byte(header_[1]) & k_length;
  if (remaining_ >= k_length_in_2_bytes) {
    remaining_ = 0;
    for (std::size_t at = 2; at < header_.size(); ++at) remaining_ = remaining_ << 8U | byte(header_[at]);
  }
  if ((byte(header_[1]) & k_masked) != 0) return broken("a frame of the server's that is masked");
  if ((first & k_reserved) != 0 || !is_known(opcode_)) return broken("a frame of an unknown kind");
  if (opcode_ == Opcode::Text) return broken("a text message, where MQTT is binary");
  if ((remaining_ >> 63U) != 0) return broken("a frame of an impossible length");
  if (is_control(opcode_)) {
    if (!is_final || remaining_ > k_control_max) return broken("a control message that is too long");
    control_.clear();
  } else {
    if ((opcode_ == Opcode::Continuation) != in_message_) return broken("a message inside another");
    in_message_ = !is_final;
  }
  in_body_ = true;
  return true;
}

void Reader::finish_control() {
  if (opcode_ == Opcode::Ping) ping_ = control_;
  if (opcode_ != Opcode::Close) return;
  state_ = State::Closed;
  if (control_.size() < 2) return;
  farewell_ = "code " + std::to_string(byte(control_[0]) << 8U | byte(control_[1]));
  if (control_.size() > 2) farewell_ += ' ' + azure::one_line(std::string_view(control_).substr(2), 80);
}

Reader::State Reader::feed(std::string_view bytes, std::string& carried) {
  while (state_ == State::Open) {
    if (!in_body_) {
      const std::size_t wanted = header_.size() < 2 ? 2 : header_size();
      const std::size_t taken = std::min(wanted - header_.size(), bytes.size());
      header_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (header_.size() < 2 || header_.size() < header_size()) {
        if (bytes.empty()) break;
        continue;
      }
      if (!read_header()) break;
    }
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
    (is_control(opcode_) ? control_ : carried).append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    remaining_ -= taken;
    if (remaining_ > 0) break;
    in_body_ = false;
    header_.clear();
    if (is_control(opcode_)) finish_control();
    if (bytes.empty()) break;
  }
  return state_;
}

std::optional<std::string> Reader::take_ping() { return std::exchange(ping_, std::nullopt); }

}  // namespace iotc_ha::hub::websocket
