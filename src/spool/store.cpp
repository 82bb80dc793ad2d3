#include "sqlite_store.hpp"

#include <algorithm>
#include <utility>

namespace iotc_ha::spool {
namespace {

constexpr std::size_t k_remember_max = 64;
constexpr std::size_t k_questions_max = 1000;

core::Error busy(std::string what) { return {core::Fault::Busy, std::move(what)}; }

}  // namespace

void SqliteStore::listen(Listener listener) {
  listener_ = std::move(listener);
  if (untold_.empty() || !listener_.dropped) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    for (const core::Dropped& dropped : std::exchange(untold_, {})) listener_.dropped(dropped);
  });
}

void SqliteStore::set_limits(const Limits& limits) {
  limits_ = limits;
  look();
}

core::Result<std::optional<core::Remembered>> SqliteStore::remembered(const AssignmentKey& key) {
  return find_in(remembered_, key);
}

// ---- Asking

void SqliteStore::remember(AssignmentKey key, core::Remembered remembered,
                           std::function<void(core::Result<void>)> done) {
  if (gathering_.remember.size() >= k_remember_max) {
    return answer_later(std::move(done), core::Result<void>(tl::unexpected(busy(
                                             "the disk is behind by " + std::to_string(k_remember_max) + " writes"))));
  }
  gathering_.remember.emplace_back(std::move(key), std::move(remembered));
  gathering_.remembered.push_back(std::move(done));
  schedule();
}

void SqliteStore::append(std::vector<core::Submission> messages,
                         std::function<void(core::Result<core::Sequences>)> done) {
  using Answer = core::Result<core::Sequences>;
  if (messages.empty()) {
    return answer_later(std::move(done), Answer(core::fail(core::Fault::InvalidPayload, "there is no message")));
  }
  std::uint64_t bytes = 0;
  for (const core::Submission& message : messages) bytes += core::size_of(message);
  const std::uint64_t waiting = gathering_.append_bytes + running_.append_bytes;
  if (waiting > 0 && waiting + bytes > k_waiting_bytes_max) {
    return answer_later(std::move(done),
                        Answer(tl::unexpected(busy(std::to_string(waiting) + " bytes wait for the disk already"))));
  }
  const Moment now = moment();
  Batch batch;
  batch.reserve(messages.size());
  for (core::Submission& message : messages) {
    const bool ours = message.message_id.empty();
    core::Telemetry telemetry{0,
                              0,
                              std::move(message.message_id),
                              std::move(message.body),
                              std::move(message.component),
                              std::move(message.properties),
                              message.created};
    batch.push_back({{std::move(telemetry), now, 0}, ours});
  }
  gathering_.append_bytes += bytes;
  gathering_.appends.push_back(std::move(batch));
  gathering_.appended.push_back(std::move(done));
  schedule();
}

void SqliteStore::next(std::uint64_t after, std::size_t count, std::uint64_t bytes,
                       std::function<void(std::vector<core::Telemetry>)> done) {
  asking_ = Asking{{after, count, bytes}, std::move(done)};
  schedule();
}

void SqliteStore::release() {
  asking_.reset();
  handed_out_.clear();
  gathering_.release = true;  // with the next turn, whatever that is for: only there it matters
}

std::uint64_t SqliteStore::left(std::uint64_t sequence) {
  const auto found = handed_out_.find(sequence);
  if (found == handed_out_.end()) return 0;
  const std::uint64_t bytes = found->second;
  handed_out_.erase(found);
  return bytes;
}

void SqliteStore::acknowledge(std::uint64_t sequence, const std::string& hub) {
  if (gathering_.acknowledged_count == 0) flush_timer_->arm(loop_.now() + k_acknowledged_wait);
  gathering_.acknowledge(sequence, hub, loop_.wall_now());
  if (const std::uint64_t bytes = left(sequence); bytes > 0) {
    gathering_.told += Told{1, 0, bytes};
    figures_changed_later();
  }
  if (gathering_.acknowledged_count >= k_acknowledged_max) schedule();
}

void SqliteStore::quarantine(std::uint64_t sequence, const std::string& why) {
  gathering_.set_aside.push_back({sequence, why});
  if (const std::uint64_t bytes = left(sequence); bytes > 0) gathering_.told += Told{0, 1, bytes};
  schedule();
}

void SqliteStore::replay(const std::string& hub) {
  gathering_.replay = Replay{hub, 0};
  schedule();
}

void SqliteStore::settle(std::function<void()> done) {
  gathering_.settled.push_back(std::move(done));
  schedule();
}

void SqliteStore::accounts(std::function<void(core::Result<std::vector<core::Account>>)> done) {
  if (gathering_.counted.size() >= k_questions_max) {
    return answer_later(std::move(done), core::Result<std::vector<core::Account>>(tl::unexpected(
                                             busy(std::to_string(k_questions_max) + " ask for the account already"))));
  }
  gathering_.counted.push_back(std::move(done));
  schedule();
}

core::SpoolFigures SqliteStore::figures() const {
  core::SpoolFigures figures = standing_.figures;
  Told told = gathering_.told;
  told += running_.told;
  const std::uint64_t left = std::min(told.acknowledged + told.set_aside, figures.queued);
  figures.queued -= left;
  figures.queued_bytes -= std::min(told.bytes, figures.queued_bytes);
  figures.delivered += std::min(told.acknowledged, left);
  figures.quarantined += left - std::min(told.acknowledged, left);
  if (figures.queued == 0) figures.oldest_queued = {};
  figures.capacity = limits_.bytes_max;
  return figures;
}

core::Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& state_dir, const Limits& limits,
                                                 runtime::Loop& loop,
                                                 const std::function<void(const core::Error&)>& note) {
  auto queue = Queue::open(state_dir, {loop.now(), loop.wall_now()});
  if (!queue) return tl::unexpected(std::move(queue.error()));
  for (const core::Error& error : (*queue)->take_notes()) note(error);
  return std::make_unique<SqliteStore>(std::move(*queue), limits, loop);
}

}  // namespace iotc_ha::spool
