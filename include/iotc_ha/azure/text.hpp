#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

/// Small readings of untrusted text. Pure.
namespace iotc_ha::azure {

/// A whole decimal number and nothing else; no sign for unsigned types, no blanks.
template <std::integral Number>
[[nodiscard]] std::optional<Number> read_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

/// Cuts off and returns what stands before the separator, or all of it; the separator goes too.
[[nodiscard]] std::string_view cut(std::string_view& text, char separator);

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

/// Foreign text for one line of ours: control characters and bytes that are not UTF-8 become '?', and it ends with
/// "..." after `limit` bytes.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t limit = 200);

}  // namespace iotc_ha::azure
