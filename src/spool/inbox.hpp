#pragma once

#include "sqlite.hpp"

#include <iotc_ha/core/command.hpp>
#include <iotc_ha/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What the cloud has sent, and what must be remembered of it: the tables document, command and taken. Each row has a
/// checksum of its own.
namespace iotc_ha::spool {

using Documents = std::map<std::string, std::string>;  ///< text by name

struct Document {
  std::string name;
  std::string text;
};

/// A C2D message that was taken, whether it is done with or not.
struct Taken {
  std::uint64_t id = 0;
  core::WallTime at{};
  std::string message_id;  ///< "": it has none
};

/// What a command counts for: payload, names and message id.
[[nodiscard]] std::uint64_t size_of(const core::DurableCommand& command);

/// The columns in the order in which the functions below want them; the first is the key. From a row that is not what
/// was written they make nothing.
extern const std::string k_document_columns;
extern const std::string k_command_columns;
extern const std::string k_taken_columns;
[[nodiscard]] std::optional<Document> read_document(const Run& run);
[[nodiscard]] std::optional<core::DurableCommand> read_command(const Run& run);
[[nodiscard]] std::optional<Taken> read_taken(const Run& run);

/// The statements for these tables, prepared once.
class Inbox {
 public:
  static SqliteResult<Inbox> prepare(Connection& connection);

  // ---- document
  [[nodiscard]] SqliteResult<void> put(const Document& document);  ///< in place of the one with this name
  [[nodiscard]] SqliteResult<void> erase(const std::string& name);
  /// An error that means damage when one is not as written; likewise commands().
  [[nodiscard]] SqliteResult<Documents> documents();

  // ---- command: those that are not completed
  [[nodiscard]] SqliteResult<void> put(const core::DurableCommand& command);
  [[nodiscard]] SqliteResult<void> complete(std::uint64_t id);
  [[nodiscard]] SqliteResult<std::vector<core::DurableCommand>> commands();  ///< oldest first
  struct Waiting {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;  ///< as size_of() tells them
  };
  [[nodiscard]] SqliteResult<Waiting> waiting();

  // ---- taken
  [[nodiscard]] SqliteResult<void> put(const Taken& taken);
  [[nodiscard]] SqliteResult<bool> was_taken(const std::string& message_id, core::WallTime since);
  [[nodiscard]] SqliteResult<std::uint64_t> last_id();  ///< 0 before the first
  /// Forgets those that were taken before `since`, and all but the last `count`. The last one stays in any case: it
  /// tells which ids were used.
  [[nodiscard]] SqliteResult<void> forget(core::WallTime since, std::size_t count);

 private:
  enum Name : std::uint8_t {
    PutDocument,
    EraseDocument,
    AllDocuments,
    PutCommand,
    Complete,
    AllCommands,
    CountCommands,
    PutTaken,
    WasTaken,
    LastId,
    ForgetOld,
    ForgetExcess,
    k_names
  };
  explicit Inbox(std::vector<Statement> statements) : statements_(std::move(statements)) {}
  Statement& at(Name name) { return statements_[name]; }
  SqliteResult<std::uint64_t> number(Name name);

  std::vector<Statement> statements_;
};

}  // namespace iotc_ha::spool
