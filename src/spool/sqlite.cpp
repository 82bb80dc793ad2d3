#include "sqlite.hpp"

#include <sqlite3.h>

#include <system_error>

namespace iotc_ha::spool {
namespace {

// Another process can only be a curious `sqlite3` shell: it holds its locks for moments.
constexpr int k_busy_timeout_ms = 2'000;

SqliteError last_error(sqlite3* connection) {
  SqliteError error{sqlite3_extended_errcode(connection), sqlite3_errmsg(connection)};
  const int primary = error.code & 0xff;
  const int system_error = sqlite3_system_errno(connection);
  if ((primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR) && system_error != 0) {
    error.what += ": " + std::generic_category().message(system_error);  // SQLite says only that it failed
  }
  return error;
}

}  // namespace

bool SqliteError::means_damaged() const noexcept {
  const int primary = code & 0xff;
  // A sector that cannot be read any more is lost like one that was overwritten: what is around it is not.
  const bool unreadable = code == SQLITE_IOERR_READ || code == SQLITE_IOERR_CORRUPTFS;
  // We break no constraint: if a number is in a table twice, it is not we who wrote it there.
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_CONSTRAINT || unreadable;
}

tl::unexpected<SqliteError> damaged(std::string what) {
  return tl::unexpected<SqliteError>(SqliteError{SQLITE_CORRUPT, std::move(what)});
}

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement) noexcept
    : connection_(connection), statement_(statement) {}

Run::~Run() { sqlite3_reset(statement_.statement_.get()); }

void Run::check(int code) {
  if (refused_ == SQLITE_OK) refused_ = code;
}

void Run::bind(std::int64_t value) { check(sqlite3_bind_int64(statement_.statement_.get(), ++bound_, value)); }

void Run::bind(std::string_view text) {
  // A null pointer would be NULL and not an empty text.
  const char* bytes = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(statement_.statement_.get(), ++bound_, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Run::bind(Blob blob) {
  const char* bytes = blob.bytes.empty() ? "" : blob.bytes.data();
  check(sqlite3_bind_blob64(statement_.statement_.get(), ++bound_, bytes, blob.bytes.size(), SQLITE_STATIC));
}

SqliteResult<bool> Run::step() {
  if (refused_ != SQLITE_OK) return tl::unexpected(SqliteError{refused_, sqlite3_errstr(refused_)});
  switch (sqlite3_step(statement_.statement_.get())) {
    case SQLITE_ROW: return true;
    case SQLITE_DONE: return false;
    default: return tl::unexpected(last_error(statement_.connection_));
  }
}

SqliteResult<void> Run::finish() {
  while (true) {
    const auto row = step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
  }
}

std::string Run::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.statement_.get(), column);
  return bytes == nullptr ? std::string{} : std::string(bytes, static_cast<std::size_t>(size));
}

std::int64_t Run::integer(int column) const { return sqlite3_column_int64(statement_.statement_.get(), column); }

void Connection::Closer::operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }

SqliteResult<Connection> Connection::open(const std::filesystem::path& file) {
  constexpr int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags, nullptr);
  Connection connection{raw};
  if (code != SQLITE_OK) {
    return tl::unexpected(raw == nullptr ? SqliteError{code, sqlite3_errstr(code)} : last_error(raw));
  }
  sqlite3_busy_timeout(raw, k_busy_timeout_ms);
  return connection;
}

SqliteResult<void> Connection::execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return tl::unexpected(last_error(connection_.get()));
  }
  return {};
}

SqliteResult<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK) {
    return tl::unexpected(last_error(connection_.get()));
  }
  return Statement{connection_.get(), raw};
}

SqliteResult<std::int64_t> Connection::query_integer(std::string_view sql) {
  return prepare(sql).and_then([](Statement&& statement) -> SqliteResult<std::int64_t> {
    Run run(statement);
    return run.step().map([&](bool row) { return row ? run.integer(0) : 0; });
  });
}

SqliteResult<std::string> Connection::query_text(std::string_view sql) {
  return prepare(sql).and_then([](Statement&& statement) -> SqliteResult<std::string> {
    Run run(statement);
    return run.step().map([&](bool row) { return row ? run.text(0) : std::string{}; });
  });
}

bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(connection_.get()) == 0; }

SqliteResult<void> Connection::checkpoint_on_close(bool on) {
  if (sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, nullptr) != SQLITE_OK) {
    return tl::unexpected(last_error(connection_.get()));
  }
  return {};
}

}  // namespace iotc_ha::spool
