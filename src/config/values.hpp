#pragma once

#include "document.hpp"

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a value of the configuration may be. Each function answers the typed value, or one line for the operator that
/// says what was expected and what is there instead.
namespace iotc_ha::config {

template <typename T>
using Checked = tl::expected<T, std::string>;

[[nodiscard]] Checked<std::string> text(const Value& value);
[[nodiscard]] Checked<bool> boolean(const Value& value);
[[nodiscard]] Checked<std::uint16_t> port(const Value& value);
/// "500ms", "5s", "2min" or "2m", "1h", "30d"; both limits are allowed values.
[[nodiscard]] Checked<std::chrono::milliseconds> duration(const Value& value, std::chrono::milliseconds min,
                                                          std::chrono::milliseconds max);
/// The same, for what is counted in whole seconds.
[[nodiscard]] Checked<std::chrono::seconds> whole_seconds(const Value& value, std::chrono::seconds min,
                                                          std::chrono::seconds max);
/// "1024", "64KiB", "256MiB", "1GiB"; both limits are allowed values.
[[nodiscard]] Checked<std::uint64_t> size(const Value& value, std::uint64_t min, std::uint64_t max);
[[nodiscard]] Checked<std::string> one_of(const Value& value, const std::vector<std::string_view>& choices);
/// A whole number; both limits are allowed values.
[[nodiscard]] Checked<std::uint32_t> count(const Value& value, std::uint32_t min, std::uint32_t max);

/// As duration() and size() read it, in the largest unit that leaves it whole.
[[nodiscard]] std::string time_text(std::chrono::milliseconds time);
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// At most 128 of a-z 0-9 - . _ : ending in a letter, a digit or '-'. Upper case is refused: DPS does not distinguish
/// it, but the key derivation does, so that such a device is refused with a correct key.
[[nodiscard]] Checked<std::string> registration_id(const Value& value);
[[nodiscard]] Checked<std::string> id_scope(const Value& value);
[[nodiscard]] Checked<std::string> model_id(const Value& value);
/// A DNS name or an IPv4 address, without scheme, port and path.
[[nodiscard]] Checked<std::string> host_name(const Value& value);
/// "http://host:port", "http://user:password@host:port" with user and password percent-encoded, or "". The complaint
/// never quotes the text.
[[nodiscard]] Checked<std::string> proxy(const Value& value);
/// The URL of a proxy with *** for its password; nothing when there is no password in it.
[[nodiscard]] std::optional<std::string> proxy_without_password(const Value& value);
/// An absolute path of a readable file with PEM certificates, or "".
[[nodiscard]] Checked<std::filesystem::path> ca_file(const Value& value);
/// Base64 of 16 to 64 bytes. The complaint never quotes the text.
[[nodiscard]] Checked<std::string> symmetric_key(const Value& value);

}  // namespace iotc_ha::config
