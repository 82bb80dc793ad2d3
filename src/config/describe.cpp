#include "reading.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace iotc_ha::config {
namespace {

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; }

/// As TOML writes it.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (is_control(c)) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code.data();
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string literal(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return toml_string(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return std::get<bool>(value) ? "true" : "false";  // no setting shows a value of another kind
}

/// A name can hold what would end a comment.
std::string for_comment(std::string text) {
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

std::string source_of(const Setting& setting, const Reading& reading) {
  const auto found = reading.in_force.find(setting.key);
  if (found != reading.in_force.end()) {
    const auto& [file, line, value] = found->second;
    const std::string place =
        line == 0 ? "credential " + for_comment(file) : for_comment(file) + ':' + std::to_string(line);
    return (reading.not_taken.count(setting.key) != 0 ? "instead of what cannot be used in " : "") + place;
  }
  const bool of_profile = table_of(setting.key) == "failover" && setting.key != "failover.profile";
  return of_profile ? "profile " + toml_string(reading.draft.profile) : "default";
}

/// A secret's line is a comment: what takes its place must not be read as the secret.
std::string assignment(const Setting& setting, const Reading& reading) {
  const std::string key(last_of(setting.key));
  const auto found = reading.in_force.find(setting.key);
  if (setting.masked && found != reading.in_force.end()) {
    if (const auto masked = setting.masked(found->second.value)) return '#' + key + " = " + toml_string(*masked);
  }
  return key + " = " + literal(setting.show(reading.draft));
}

}  // namespace

Description describe(const Sources& sources) {
  constexpr std::size_t k_comment_column = 36;
  Reading reading = read(sources);
  std::string out = "# What iotc-had reads from " + for_comment(sources.file.string()) +
                    " and its drop-ins, with its defaults. Secrets are not shown.\n";
  std::string_view table;
  for (const Setting& setting : settings()) {
    if (table != table_of(setting.key)) {
      table = table_of(setting.key);
      out += "\n[" + std::string(table) + "]\n";
    }
    std::string line = assignment(setting, reading);
    if (line.size() < k_comment_column) line.append(k_comment_column - line.size(), ' ');
    out += line + "  # " + source_of(setting, reading) + ": " + std::string(setting.meaning) + '\n';
  }
  return {std::move(out), std::move(reading.faults)};
}

}  // namespace iotc_ha::config
