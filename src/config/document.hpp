#pragma once

#include <iotc_ha/config/config.hpp>

#include <tl/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace iotc_ha::config {

/// A value of a kind that no setting takes; `name` says which, e.g. "an array".
struct OtherKind {
  std::string_view name;
};
constexpr std::string_view k_table_kind = "a table";

using Value = std::variant<std::string, std::int64_t, bool, OtherKind>;

/// One line of a file: `key` is dotted from the top ("hub.proxy"). A table is an entry of its own (OtherKind
/// k_table_kind), followed by its members.
struct Entry {
  std::string key;
  unsigned line = 0;
  Value value;
};

/// A file as it was read.
struct Document {
  std::string file;
  unsigned permissions = 0;  ///< as by chmod
  std::vector<Entry> entries;
};

/// Reads one TOML file of at most 1 MiB. The fault is that it cannot be read, or its first syntax error.
[[nodiscard]] tl::expected<Document, Fault> read_document(const std::filesystem::path& file);

/// A whole file. The error is why it could not be read.
[[nodiscard]] tl::expected<std::string, std::string> read_text(const std::filesystem::path& file);

}  // namespace iotc_ha::config
