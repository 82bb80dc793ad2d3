#include "values.hpp"

#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/core/secret.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace iotc_ha::config {
namespace {

using std::chrono::milliseconds;

tl::unexpected<std::string> complaint(std::string text) { return tl::unexpected<std::string>(std::move(text)); }

// Ours, not <cctype>: the C locale's letters, whatever LC_ALL says.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }

/// The value as it is shown in a complaint: one line, not endless.
std::string shown(std::string_view text) {
  constexpr std::size_t k_shown_max = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, k_shown_max)) out += static_cast<unsigned char>(c) < 0x20U ? '?' : c;
  return out + (text.size() > k_shown_max ? "...\"" : "\"");
}

std::string shown(const Value& value) {
  if (const auto* string = std::get_if<std::string>(&value)) return shown(std::string_view(*string));
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::string(std::get<OtherKind>(value).name);
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// A whole number and one of the units; nothing when it is not that, or does not fit.
template <std::size_t N>
std::optional<std::uint64_t> measure(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto* found = std::find_if(units.begin(), units.end(), [&](const Unit& each) { return each.name == unit; });
  if (found == units.end() || number > UINT64_MAX / found->factor) return std::nullopt;
  return number * found->factor;
}

/// In the largest unit that divides it. Not for zero, which every unit divides.
template <std::size_t N>
std::string in_units(std::uint64_t amount, const std::array<Unit, N>& units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (amount % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  }
  return std::to_string(amount / best->factor) + std::string(best->name);
}

constexpr std::array<Unit, 6> k_times{
    {{"ms", 1}, {"s", 1'000}, {"min", 60'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 5> k_sizes{
    {{"", 1}, {"KiB", 1ULL << 10U}, {"MiB", 1ULL << 20U}, {"GiB", 1ULL << 30U}, {"TiB", 1ULL << 40U}}};

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    const bool good = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                      std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; });
    if (!good) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

constexpr std::string_view k_proxy_scheme = "http://";

/// A user or a password as it stands in a URL (RFC 3986): what is not a letter, a digit or one of a few signs is
/// percent-encoded. No control character: those end the header that it is sent in.
bool is_credential(std::string_view text) {
  constexpr std::string_view k_signs = "-._~!$&'()*+,;=";
  if (text.empty()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_alnum(text[i]) && k_signs.find(text[i]) == std::string_view::npos) return false;
      continue;
    }
    std::uint8_t byte = 0;
    const char* const digits = text.data() + i + 1;
    const char* const end = text.data() + std::min(i + 3, text.size());
    const auto [read, error] = std::from_chars(digits, end, byte, 16);
    if (error != std::errc{} || read != digits + 2 || byte < 0x20 || byte == 0x7F) return false;
    i += 2;
  }
  return true;
}

/// One step of a DTMI's path: a letter, then letters, digits and '_', not ending in '_'.
bool is_dtmi_segment(std::string_view segment) {
  if (segment.empty() || is_digit(segment.front()) || segment.front() == '_' || segment.back() == '_') return false;
  return std::all_of(segment.begin(), segment.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_dtmi_version(std::string_view version) {
  const std::size_t dot = version.find('.');
  const std::string_view major = version.substr(0, dot);
  const auto digits = [](std::string_view text, std::size_t max) {
    return !text.empty() && text.size() <= max && text.front() != '0' &&
           std::all_of(text.begin(), text.end(), is_digit);
  };
  return digits(major, 9) && (dot == std::string_view::npos || digits(version.substr(dot + 1), 6));
}

bool is_dtmi(std::string_view id) {
  constexpr std::string_view k_scheme = "dtmi:";
  const std::size_t semicolon = id.find(';');
  if (id.substr(0, k_scheme.size()) != k_scheme || semicolon == std::string_view::npos) return false;
  if (!is_dtmi_version(id.substr(semicolon + 1))) return false;
  std::string_view path = id.substr(k_scheme.size(), semicolon - k_scheme.size());
  while (true) {
    const std::size_t colon = path.find(':');
    if (!is_dtmi_segment(path.substr(0, colon))) return false;
    if (colon == std::string_view::npos) return true;
    path.remove_prefix(colon + 1);
  }
}

}  // namespace

Checked<std::string> text(const Value& value) {
  if (const auto* string = std::get_if<std::string>(&value)) return *string;
  return complaint("expected text in double quotes, got " + shown(value));
}

Checked<bool> boolean(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return complaint("expected true or false, without quotes, got " + shown(value));
}

Checked<std::uint16_t> port(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number != nullptr && *number >= 1 && *number <= 65535) return static_cast<std::uint16_t>(*number);
  return complaint("expected a port number between 1 and 65535, without quotes, got " + shown(value));
}

Checked<milliseconds> duration(const Value& value, milliseconds min, milliseconds max) {
  const auto number = [](milliseconds time) { return static_cast<std::uint64_t>(time.count()); };
  if (const auto* string = std::get_if<std::string>(&value)) {
    const auto amount = measure(*string, k_times);
    if (amount && *amount >= number(min) && *amount <= number(max)) return milliseconds(*amount);
  }
  return complaint("expected a time in double quotes such as \"500ms\", \"30s\", \"5min\", \"1h\" or \"7d\", from " +
                   time_text(min) + " to " + time_text(max) + ", got " + shown(value));
}

Checked<std::chrono::seconds> whole_seconds(const Value& value, std::chrono::seconds min, std::chrono::seconds max) {
  const auto time = duration(value, min, max);
  if (!time) return complaint(time.error());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*time);
  if (seconds != *time) return complaint("expected a time of whole seconds such as \"30s\", got " + shown(value));
  return seconds;
}

Checked<std::uint64_t> size(const Value& value, std::uint64_t min, std::uint64_t max) {
  if (const auto* string = std::get_if<std::string>(&value)) {
    const auto amount = measure(*string, k_sizes);
    if (amount && *amount >= min && *amount <= max) return *amount;
  }
  return complaint(
      "expected a size in double quotes such as \"1048576\" (bytes), \"512KiB\", \"256MiB\" or \"1GiB\", from " +
      size_text(min) + " to " + size_text(max) + ", got " + shown(value));
}

Checked<std::string> one_of(const Value& value, const std::vector<std::string_view>& choices) {
  std::string list;
  const auto* string = std::get_if<std::string>(&value);
  for (const std::string_view choice : choices) {
    if (string != nullptr && *string == choice) return *string;
    list += (list.empty() ? "\"" : " | \"") + std::string(choice) + '"';
  }
  return complaint("expected " + list + ", got " + shown(value));
}

Checked<std::uint32_t> count(const Value& value, std::uint32_t min, std::uint32_t max) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number != nullptr && *number >= min && *number <= max) return static_cast<std::uint32_t>(*number);
  return complaint("expected a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
                   ", without quotes, got " + shown(value));
}

std::string time_text(milliseconds time) {
  return time == milliseconds::zero() ? "0s" : in_units(static_cast<std::uint64_t>(time.count()), k_times);
}

std::string size_text(std::uint64_t bytes) { return bytes == 0 ? "0" : in_units(bytes, k_sizes); }

Checked<std::string> registration_id(const Value& value) {
  auto id = text(value);
  if (!id) return id;
  const auto allowed = [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == ':'; };
  if (id->empty() || id->size() > 128 || !std::all_of(id->begin(), id->end(), allowed) ||
      !(is_alnum(id->back()) || id->back() == '-')) {
    return complaint(
        "expected a registration id: 1 to 128 of a-z 0-9 - . _ : with a letter, a digit or - at the end, got " +
        shown(value));
  }
  if (std::any_of(id->begin(), id->end(), is_upper)) {
    return complaint(
        "expected lower case only: DPS ignores the case of a registration id, but the device's key depends on it; "
        "got " +
        shown(value));
  }
  return id;
}

Checked<std::string> id_scope(const Value& value) {
  auto scope = text(value);
  if (!scope) return scope;
  const bool good = scope->size() >= 8 && scope->size() <= 32 && scope->front() == '0' &&
                    std::all_of(scope->begin(), scope->end(), is_alnum);
  if (!good)
    return complaint("expected an ID scope such as \"0ne00ABCDEF\": 0 and letters or digits, got " + shown(value));
  return scope;
}

Checked<std::string> model_id(const Value& value) {
  auto id = text(value);
  if (!id) return id;
  if (id->size() > 128 || !is_dtmi(*id)) {
    return complaint("expected a model id such as \"dtmi:Sample:Failover;1\", got " + shown(value));
  }
  return id;
}

Checked<std::string> host_name(const Value& value) {
  auto host = text(value);
  if (!host) return host;
  if (!is_host(*host)) {
    return complaint("expected a host name alone, without https://, port and path, got " + shown(value));
  }
  return host;
}

Checked<std::string> proxy(const Value& value) {
  auto url = text(value);
  // Not shown from here on: there may be a password in it, also where none was expected.
  if (!url) return complaint("expected text in double quotes");
  if (url->empty()) return url;
  std::string_view rest = *url;
  const auto wrong = complaint(
      "expected \"http://host:port\", or \"http://user:password@host:port\" with user and password percent-encoded, "
      "without a path, or \"\" for none");
  if (!rest.starts_with(k_proxy_scheme)) return wrong;
  rest.remove_prefix(k_proxy_scheme.size());
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const std::size_t colon = credentials.find(':');
    if (colon == std::string_view::npos || !is_credential(credentials.substr(0, colon)) ||
        !is_credential(credentials.substr(colon + 1))) {
      return wrong;
    }
    rest.remove_prefix(at + 1);
  }
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos || !is_host(rest.substr(0, colon)) || !port_number(rest.substr(colon + 1))) {
    return wrong;
  }
  return url;
}

std::optional<std::string> proxy_without_password(const Value& value) {
  const auto* url = std::get_if<std::string>(&value);
  if (url == nullptr) return std::nullopt;
  const std::size_t at = url->rfind('@');
  if (at == std::string::npos) return std::nullopt;
  const std::size_t user = url->starts_with(k_proxy_scheme) ? k_proxy_scheme.size() : 0;
  const std::size_t colon = url->find(':', user);
  if (colon > at) return std::nullopt;
  return url->substr(0, colon + 1) + "***" + url->substr(at);
}

Checked<std::filesystem::path> ca_file(const Value& value) {
  const auto name = text(value);
  if (!name) return complaint(name.error());
  const std::filesystem::path path(*name);
  if (path.empty()) return path;
  if (!path.is_absolute()) {
    return complaint("expected the absolute path of a file with certificates (PEM), got " + shown(value));
  }
  const auto content = read_text(path);
  if (!content) return complaint("expected a readable file with certificates (PEM): " + *name + ": " + content.error());
  if (content->find("-----BEGIN ") == std::string::npos || content->find("CERTIFICATE-----") == std::string::npos) {
    return complaint("expected a file with certificates (PEM); there is none in " + *name);
  }
  return path;
}

Checked<std::string> symmetric_key(const Value& value) {
  const auto* key = std::get_if<std::string>(&value);
  if (key == nullptr) return complaint("expected a key in double quotes, got another kind of value");
  // Signing is the use that the key is for, so what it accepts is right.
  if (!azure::sign(core::Secret(*key), "0", {})) {
    return complaint(
        "expected a key as Azure shows it: base64 of 16 to 64 bytes (mostly 88 characters that end in ==); this one "
        "has " +
        std::to_string(key->size()) + " characters");
  }
  return *key;
}

}  // namespace iotc_ha::config
