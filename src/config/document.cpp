#include "document.hpp"

#include <toml++/toml.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <system_error>
#include <utility>

namespace iotc_ha::config {
namespace {

constexpr std::size_t k_file_bytes_max = 1U << 20U;

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return k_table_kind;
    case toml::node_type::array: return "an array";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date or time";
    default: return "a value of another kind";
  }
}

Value value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  return OtherKind{kind_of(node)};
}

// A quoted key with a dot inside is not the dotted key: it keeps its quotes.
std::string key_text(const toml::key& key) {
  const std::string_view text = key.str();
  if (!text.empty() && text.find_first_of(". \t\"'") == std::string_view::npos) return std::string(text);
  return '"' + std::string(text) + '"';
}

void flatten(const toml::table& table, const std::string& prefix, std::vector<Entry>& entries) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + key_text(key);
    entries.push_back(Entry{name, key.source().begin.line, value_of(node)});
    if (const auto* inner = node.as_table()) flatten(*inner, name + '.', entries);
  }
}

std::string line_of(const std::string& text, unsigned wanted) {
  std::size_t begin = 0;
  for (unsigned line = 1; line < wanted; ++line) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return {};
    ++begin;
  }
  return text.substr(begin, text.find('\n', begin) - begin);
}

// What the parser says can quote the value, and the usual slip is a key without its quotes.
std::string syntax_message(const std::string& text, unsigned line, std::string_view description) {
  if (line_of(text, line).find("key") != std::string::npos) {
    return "not valid TOML: expected KEY = \"VALUE\", each key once, the value in double quotes";
  }
  return "not valid TOML: " + std::string(description);
}

}  // namespace

tl::expected<std::string, std::string> read_text(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error))
    return tl::unexpected<std::string>("expected a file, got a directory");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return tl::unexpected<std::string>("cannot be read: " + std::generic_category().message(errno));
  std::string text(k_file_bytes_max + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return tl::unexpected<std::string>("cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > k_file_bytes_max) return tl::unexpected<std::string>("larger than 1 MiB");
  return text;
}

tl::expected<Document, Fault> read_document(const std::filesystem::path& file) {
  auto text = read_text(file);
  if (!text) return tl::unexpected<Fault>(Fault{file.string(), 0, "", text.error()});

  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (error) return tl::unexpected<Fault>(Fault{file.string(), 0, "", "cannot be read: " + error.message()});

  Document document{file.string(), static_cast<unsigned>(status.permissions()), {}};
  try {
    flatten(toml::parse(*text), "", document.entries);
  } catch (const toml::parse_error& fault) {
    const unsigned line = fault.source().begin.line;
    return tl::unexpected<Fault>(Fault{file.string(), line, "", syntax_message(*text, line, fault.description())});
  }
  return document;
}

}  // namespace iotc_ha::config
