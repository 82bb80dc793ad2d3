#include "inbox.hpp"

#include "row.hpp"

#include <array>

namespace iotc_ha::spool {
namespace {

std::uint64_t checksum_of(const Document& document) {
  return crc_of({document.name.size()}, {document.name, document.text});
}

std::uint64_t checksum_of(const core::DurableCommand& command) {
  return crc_of({command.id, static_cast<std::uint64_t>(microseconds(command.received)),
                 static_cast<std::uint64_t>(microseconds(command.until)), command.message_id.size(),
                 command.name.size(), command.component.size()},
                {command.message_id, command.name, command.component, command.payload});
}

std::uint64_t checksum_of(const Taken& taken) {
  return crc_of({taken.id, static_cast<std::uint64_t>(microseconds(taken.at))}, {taken.message_id});
}

}  // namespace

std::uint64_t size_of(const core::DurableCommand& command) {
  return command.message_id.size() + command.name.size() + command.component.size() + command.payload.size();
}

const std::string k_document_columns = "id, checksum, name, text";
const std::string k_command_columns = "id, checksum, received, until, message_id, name, component, payload";
const std::string k_taken_columns = "id, checksum, at, message_id";

std::optional<Document> read_document(const Run& run) {
  Document document{run.text(2), run.text(3)};
  if (run.count(1) != checksum_of(document)) return std::nullopt;
  return document;
}

std::optional<core::DurableCommand> read_command(const Run& run) {
  core::DurableCommand command{run.count(0),
                               run.text(4),
                               run.text(5),
                               run.text(6),
                               run.text(7),
                               wall_time(run.integer(2)),
                               wall_time(run.integer(3))};
  if (run.count(1) != checksum_of(command)) return std::nullopt;
  return command;
}

std::optional<Taken> read_taken(const Run& run) {
  Taken taken{run.count(0), wall_time(run.integer(2)), run.text(3)};
  if (run.count(1) != checksum_of(taken)) return std::nullopt;
  return taken;
}

SqliteResult<Inbox> Inbox::prepare(Connection& connection) {
  const std::array<std::string, k_names> texts = {
      "INSERT OR REPLACE INTO document (checksum, name, text) VALUES (?1, ?2, ?3)",
      "DELETE FROM document WHERE name = ?1",
      "SELECT " + k_document_columns + " FROM document ORDER BY id",
      "INSERT INTO command (" + k_command_columns + ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      "DELETE FROM command WHERE id = ?1",
      "SELECT " + k_command_columns + " FROM command ORDER BY id",
      "SELECT count(*), coalesce(sum(length(CAST(message_id AS BLOB)) + length(CAST(name AS BLOB)) +"
      " length(CAST(component AS BLOB)) + length(payload)), 0) FROM command",
      "INSERT OR REPLACE INTO taken (" + k_taken_columns + ") VALUES (?1, ?2, ?3, ?4)",
      "SELECT EXISTS (SELECT 1 FROM taken WHERE message_id = ?1 AND at >= ?2)",
      "SELECT coalesce(max(id), 0) FROM taken",
      "DELETE FROM taken WHERE at < ?1 AND id < (SELECT max(id) FROM taken)",
      "DELETE FROM taken WHERE id <= (SELECT id FROM taken ORDER BY id DESC LIMIT 1 OFFSET ?1)"};
  std::vector<Statement> statements;
  for (const std::string& text : texts) {
    auto statement = connection.prepare(text);
    if (!statement) return tl::unexpected(statement.error());
    statements.push_back(std::move(*statement));
  }
  return Inbox{std::move(statements)};
}

SqliteResult<std::uint64_t> Inbox::number(Name name) {
  Run run(at(name));
  return run.step().map([&](bool /*row*/) { return run.count(0); });
}

SqliteResult<void> Inbox::put(const Document& document) {
  return Run(at(PutDocument), checksum_of(document), std::string_view{document.name}, std::string_view{document.text})
      .finish();
}

SqliteResult<void> Inbox::erase(const std::string& name) {
  return Run(at(EraseDocument), std::string_view{name}).finish();
}

SqliteResult<Documents> Inbox::documents() {
  Documents documents;
  Run run(at(AllDocuments));
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return documents;
    auto document = read_document(run);
    if (!document) return damaged("document " + std::to_string(run.count(0)) + " is not what was written");
    documents.insert_or_assign(std::move(document->name), std::move(document->text));
  }
}

SqliteResult<void> Inbox::put(const core::DurableCommand& command) {
  return Run(at(PutCommand), command.id, checksum_of(command), microseconds(command.received),
             microseconds(command.until), std::string_view{command.message_id}, std::string_view{command.name},
             std::string_view{command.component}, Blob{command.payload})
      .finish();
}

SqliteResult<void> Inbox::complete(std::uint64_t id) { return Run(at(Complete), id).finish(); }

SqliteResult<std::vector<core::DurableCommand>> Inbox::commands() {
  std::vector<core::DurableCommand> commands;
  Run run(at(AllCommands));
  while (true) {
    const auto row = run.step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return commands;
    auto command = read_command(run);
    if (!command) return damaged("C2D message " + std::to_string(run.count(0)) + " is not what was written");
    commands.push_back(std::move(*command));
  }
}

SqliteResult<Inbox::Waiting> Inbox::waiting() {
  Run run(at(CountCommands));
  return run.step().map([&](bool /*row*/) { return Waiting{run.count(0), run.count(1)}; });
}

SqliteResult<void> Inbox::put(const Taken& taken) {
  return Run(at(PutTaken), taken.id, checksum_of(taken), microseconds(taken.at), std::string_view{taken.message_id})
      .finish();
}

SqliteResult<bool> Inbox::was_taken(const std::string& message_id, core::WallTime since) {
  if (message_id.empty()) return false;
  Run run(at(WasTaken), std::string_view{message_id}, microseconds(since));
  return run.step().map([&](bool /*row*/) { return run.count(0) != 0; });
}

SqliteResult<std::uint64_t> Inbox::last_id() { return number(LastId); }

SqliteResult<void> Inbox::forget(core::WallTime since, std::size_t count) {
  return Run(at(ForgetOld), microseconds(since)).finish().and_then([&] {
    return Run(at(ForgetExcess), std::uint64_t{count}).finish();
  });
}

}  // namespace iotc_ha::spool
