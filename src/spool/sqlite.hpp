#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

/// SQLite's C interface as values: what this room needs of it and no more.
namespace iotc_ha::spool {

struct SqliteError {
  int code = 0;      ///< extended result code
  std::string what;  ///< SQLite's own words, e.g. "disk I/O error"

  /// The bytes of the file are not those of a sound database; nothing that is done to the directory would mend that.
  [[nodiscard]] bool means_damaged() const noexcept;
};

template <typename T>
using SqliteResult = tl::expected<T, SqliteError>;

/// A prepared statement. It must end before its connection does.
class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* statement) noexcept;

  /// Parameters count from 1, as in SQL. `text` is copied.
  [[nodiscard]] SqliteResult<void> bind(int parameter, std::string_view text);
  /// True when there is a row to read, false at the end.
  [[nodiscard]] SqliteResult<bool> step();
  /// Columns count from 0. Only after step() said true.
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// A connection, for one thread at a time.
class Connection {
 public:
  enum class Access : std::uint8_t { Read, ReadWrite };
  /// The file must exist; an empty one is an empty database.
  [[nodiscard]] static SqliteResult<Connection> open(const std::filesystem::path& file, Access access);

  /// One or several statements without parameters and without rows.
  [[nodiscard]] SqliteResult<void> execute(const std::string& sql);
  [[nodiscard]] SqliteResult<Statement> prepare(std::string_view sql);
  /// The single value of a query like `PRAGMA user_version`.
  [[nodiscard]] SqliteResult<std::int64_t> query_integer(std::string_view sql);
  [[nodiscard]] SqliteResult<std::string> query_text(std::string_view sql);
  /// Whether the last connection, when it closes, writes the -wal file into the database and removes it. On at first.
  [[nodiscard]] SqliteResult<void> checkpoint_on_close(bool on);

 private:
  struct Closer {
    void operator()(sqlite3* connection) const noexcept;
  };
  explicit Connection(sqlite3* connection) noexcept : connection_(connection) {}
  std::unique_ptr<sqlite3, Closer> connection_;
};

}  // namespace iotc_ha::spool
