#include "sqlite_store.hpp"

#include <future>
#include <utility>

/// What the store has beside the queue: documents, and C2D messages.
namespace iotc_ha::spool {
namespace {

constexpr std::size_t k_writes_max = 1000;  // of one kind, that wait for the disk

core::Error behind() {
  return {core::Fault::StorageFailed, "the disk is behind by " + std::to_string(k_writes_max) + " writes"};
}

}  // namespace

template <typename Answer>
core::Result<Answer> SqliteStore::ask_worker(std::function<core::Result<Answer>(Queue&)> question) {
  const auto promise = std::make_shared<std::promise<core::Result<Answer>>>();
  auto answer = promise->get_future();
  // There is room for one job beside the turn that may be running.
  const bool taken =
      worker_.post([queue = queue_, question = std::move(question), promise] { promise->set_value(question(*queue)); });
  if (!taken) return core::fail(core::Fault::StorageFailed, "the disk does not answer");
  return answer.get();
}

core::Result<Documents> SqliteStore::documents() {
  return ask_worker<Documents>([](const Queue& queue) { return queue.documents(); });
}

core::Result<std::vector<core::DurableCommand>> SqliteStore::commands() {
  return ask_worker<std::vector<core::DurableCommand>>([now = moment()](Queue& queue) { return queue.commands(now); });
}

void SqliteStore::keep(std::string name, std::string text, std::function<void(core::Result<void>)> done) {
  using Answer = core::Result<void>;
  if (text.size() > k_document_bytes_max) {
    return answer_later(std::move(done),
                        Answer(core::fail(core::Fault::PayloadTooLarge,
                                          "document " + name + " has " + std::to_string(text.size()) +
                                              " bytes, more than " + std::to_string(k_document_bytes_max))));
  }
  if (gathering_.kept.size() >= k_writes_max) return answer_later(std::move(done), Answer(tl::unexpected(behind())));
  gathering_.keep.insert_or_assign(std::move(name), std::move(text));
  gathering_.kept.push_back(std::move(done));
  schedule();
}

void SqliteStore::take(core::DurableCommand command,
                       std::function<void(core::Result<std::optional<std::uint64_t>>)> done) {
  using Answer = core::Result<std::optional<std::uint64_t>>;
  if (gathering_.take.size() >= k_commands_max) {
    return answer_later(std::move(done),
                        Answer(core::fail(core::Fault::SpoolFull, std::to_string(gathering_.take.size()) +
                                                                      " C2D messages wait for the disk already")));
  }
  const std::uint64_t bytes = gathering_.take_bytes + size_of(command);
  if (bytes > k_commands_bytes_max) {
    return answer_later(std::move(done), Answer(core::fail(core::Fault::SpoolFull,
                                                           "C2D messages of " + std::to_string(gathering_.take_bytes) +
                                                               " bytes wait for the disk already")));
  }
  gathering_.take_bytes = bytes;
  gathering_.take.push_back(std::move(command));
  gathering_.taken.push_back(std::move(done));
  schedule();
}

void SqliteStore::complete(std::uint64_t id, std::function<void(core::Result<void>)> done) {
  if (gathering_.complete.size() >= k_writes_max) {
    return answer_later(std::move(done), core::Result<void>(tl::unexpected(behind())));
  }
  gathering_.complete.push_back(id);
  gathering_.completed.push_back(std::move(done));
  schedule();
}

void SqliteStore::answer_inbox(Gathering& waiting, Outcome& outcome) {
  const auto written =
      outcome.write_failed ? core::Result<void>(tl::unexpected(*outcome.write_failed)) : core::Result<void>();
  for (const auto& kept : waiting.kept) kept(written);
  for (const auto& completed : waiting.completed) completed(written);
  for (std::size_t i = 0; i < waiting.taken.size(); ++i) {
    waiting.taken[i](outcome.write_failed ? tl::unexpected(*outcome.write_failed) : std::move(outcome.taken[i]));
  }
}

}  // namespace iotc_ha::spool
