#include "text.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace iotc_ha::bus {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

/// How many bytes the character at `text`'s begin takes; 0 when there is none that sd-bus sends.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  std::uint32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  // sd-bus refuses the code points that Unicode reserves for no character.
  const bool no_character = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFEU) == 0xFFFEU;
  return overlong || surrogate || no_character || code > 0x10FFFF ? 0 : length;
}

}  // namespace

std::string sendable(const std::string& text) {
  std::string sent;
  sent.reserve(text.size());
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t length = character_length(rest);
    sent += length == 0 ? k_replacement : rest.substr(0, length);
    rest.remove_prefix(length == 0 ? 1 : length);
  }
  return sent;
}

}  // namespace iotc_ha::bus
