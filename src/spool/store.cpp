#include "opening.hpp"
#include "sqlite.hpp"

#include <iotc_ha/runtime/worker.hpp>
#include <iotc_ha/spool/store.hpp>

#include <utility>

namespace iotc_ha::spool {
namespace {

constexpr std::size_t k_jobs_max = 64;

core::Result<std::optional<core::Assignment>> read_assignment(Connection& connection, const AssignmentKey& key) {
  const auto read = [&]() -> SqliteResult<std::optional<core::Assignment>> {
    auto statement = connection.prepare(
        "SELECT hub, device_id FROM assignment WHERE dps_host = ?1 AND id_scope = ?2 AND registration_id = ?3");
    if (!statement) return tl::unexpected(statement.error());
    int parameter = 0;
    for (const std::string* text : {&key.dps_host, &key.id_scope, &key.registration_id}) {
      if (auto bound = statement->bind(++parameter, *text); !bound) return tl::unexpected(bound.error());
    }
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return std::nullopt;
    return core::Assignment{statement->text(0), statement->text(1)};
  };
  return read().map_error([](const SqliteError& error) {
    return core::Error{core::Fault::StorageFailed, "the remembered hub cannot be read: " + error.what};
  });
}

core::Result<void> write_assignment(Connection& connection, const AssignmentKey& key,
                                    const core::Assignment& assignment) {
  const auto write = [&]() -> SqliteResult<void> {
    auto statement = connection.prepare(
        "INSERT OR REPLACE INTO assignment (dps_host, id_scope, registration_id, hub, device_id)"
        " VALUES (?1, ?2, ?3, ?4, ?5)");
    if (!statement) return tl::unexpected(statement.error());
    int parameter = 0;
    for (const std::string* text :
         {&key.dps_host, &key.id_scope, &key.registration_id, &assignment.hub, &assignment.device_id}) {
      if (auto bound = statement->bind(++parameter, *text); !bound) return bound;
    }
    // Outside a transaction of ours the statement is one by itself: when step() returns, it is on the disk.
    return statement->step().map([](bool) {});
  };
  return write().map_error([&](const SqliteError& error) {
    return core::Error{core::Fault::StorageFailed, "hub " + assignment.hub + " cannot be remembered: " + error.what};
  });
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::filesystem::path file, Connection writer, runtime::Post post)
      : file_(std::move(file)),
        writer_(std::make_shared<Connection>(std::move(writer))),
        post_(std::move(post)),
        worker_("spool", k_jobs_max) {}

  core::Result<std::optional<core::Assignment>> remembered(const AssignmentKey& key) override {
    // A connection of its own: `writer_` is the worker's, and in WAL mode a reader waits for no writer.
    auto reader = Connection::open(file_, Connection::Access::Read);
    if (!reader) {
      return core::fail(core::Fault::StorageFailed, file_.string() + " cannot be read: " + reader.error().what);
    }
    return read_assignment(*reader, key);
  }

  void remember(AssignmentKey key, core::Assignment assignment, std::function<void(core::Result<void>)> done) override {
    const bool taken = worker_.post(
        [writer = writer_, post = post_, key = std::move(key), assignment = std::move(assignment), done]() mutable {
          auto outcome = write_assignment(*writer, key, assignment);
          post([done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
        });
    if (!taken) {
      post_([done = std::move(done)] {
        done(core::fail(core::Fault::Busy, "the disk is behind by " + std::to_string(k_jobs_max) + " writes"));
      });
    }
  }

  [[nodiscard]] std::optional<std::chrono::microseconds> stuck_for() const override { return worker_.busy_for(); }
  void abandon() override { worker_.abandon(); }

 private:
  const std::filesystem::path file_;
  const std::shared_ptr<Connection> writer_;  // shared with the jobs: one may outlive us when it is abandoned
  const runtime::Post post_;
  runtime::Worker worker_;
};

}  // namespace

core::Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& state_dir, runtime::Post post,
                                                 const std::function<void(const core::Error&)>& note) {
  auto opened = open_database(state_dir, note);
  if (!opened) return tl::unexpected(opened.error());
  return std::make_unique<SqliteStore>(std::move(opened->file), std::move(opened->connection), std::move(post));
}

}  // namespace iotc_ha::spool
