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
  int code = 0;      ///< extended result code; 0 when it is not SQLite that complains
  std::string what;  ///< SQLite's own words, e.g. "disk I/O error"

  /// The bytes of the file are not those of a sound database; nothing that is done to the directory would mend that.
  [[nodiscard]] bool means_damaged() const noexcept;
};

template <typename T>
using SqliteResult = tl::expected<T, SqliteError>;

/// What we found ourselves, and SQLite would not have seen.
[[nodiscard]] tl::unexpected<SqliteError> damaged(std::string what);

/// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

/// A prepared statement. It must end before its connection does.
class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* statement) noexcept;

 private:
  friend class Run;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// One run of a statement. When it ends the statement is reset, so that none keeps an old state of the database alive,
/// which would keep the -wal file from being used again.
class Run {
 public:
  /// The values are those of ?1, ?2 and so on. Texts are not copied: they must live as long as the run.
  template <typename... Values>
  explicit Run(Statement& statement, const Values&... values) : statement_(statement) {
    (bind(values), ...);
  }
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// True when there is a row to read, false at the end.
  [[nodiscard]] SqliteResult<bool> step();
  /// Steps to the end, past any rows.
  [[nodiscard]] SqliteResult<void> finish();
  /// Columns count from 0. Only after step() said true.
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }

 private:
  void bind(std::int64_t value);
  void bind(std::uint64_t value) { bind(static_cast<std::int64_t>(value)); }
  void bind(std::string_view text);
  void bind(Blob blob);
  void check(int code);

  Statement& statement_;
  int bound_ = 0;
  int refused_ = 0;  ///< the first result code of a bind that failed; step() tells it
};

/// A connection, for one thread at a time.
class Connection {
 public:
  /// The file must exist; an empty one is an empty database.
  [[nodiscard]] static SqliteResult<Connection> open(const std::filesystem::path& file);

  /// One or several statements without parameters and without rows.
  [[nodiscard]] SqliteResult<void> execute(const std::string& sql);
  [[nodiscard]] SqliteResult<Statement> prepare(std::string_view sql);
  /// The single value of a query like `PRAGMA user_version`.
  [[nodiscard]] SqliteResult<std::int64_t> query_integer(std::string_view sql);
  [[nodiscard]] SqliteResult<std::string> query_text(std::string_view sql);
  /// Whether BEGIN was said and neither COMMIT nor ROLLBACK has worked since.
  [[nodiscard]] bool in_transaction() const noexcept;
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
