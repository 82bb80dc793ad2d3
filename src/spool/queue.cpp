#include "queue.hpp"

#include "transaction.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace iotc_ha::spool {
namespace {

constexpr std::chrono::microseconds k_look_min = std::chrono::seconds{1};
constexpr std::chrono::microseconds k_look_max = std::chrono::minutes{1};
constexpr std::chrono::minutes k_pause_between_mendings{1};

std::uint64_t last_sequence_of(const Content& content) {
  std::uint64_t last = content.identity.numbers_above;
  for (const Life& life : content.lives) last = std::max(last, life.last_sequence);
  return last;
}

/// The number from which on one may be handed out: `sequence` itself, or the first after what has left already and is
/// still on disk because it could not be written.
std::uint64_t past_those_that_left(const Turn& turn, std::uint64_t sequence) {
  for (const Acknowledged& range : turn.acknowledged) {
    if (sequence >= range.first && sequence <= range.last) return range.last + 1;
  }
  for (const SetAside& one : turn.set_aside) {
    if (sequence == one.sequence) return sequence + 1;
  }
  return sequence;
}

/// As it is on the disk: an empty text takes one away.
void put_in(Documents& documents, const Documents& kept) {
  for (const auto& [name, text] : kept) {
    documents.insert_or_assign(name, text);
    if (text.empty()) documents.erase(name);
  }
}

/// Up to the limits of a question.
class Answer {
 public:
  Answer(const Question& question, std::vector<HandedOut>& answer) : question_(question), answer_(answer) {}

  [[nodiscard]] bool has_room_for(std::uint64_t bytes) const {
    return answer_.empty() || (answer_.size() < question_.count && bytes_ + bytes <= question_.bytes);
  }
  void add(core::Telemetry&& message, std::uint64_t bytes) {
    bytes_ += bytes;
    answer_.push_back({std::move(message), bytes});
  }

 private:
  const Question& question_;
  std::vector<HandedOut>& answer_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<Queue>> Queue::open(const std::filesystem::path& state_dir, const Moment& now) {
  auto opened = open_database(state_dir, now);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch()).count();
  const auto& lives = opened->content.lives;
  Life present;  // on the disk with the first message that it accepts
  present.account.boot = std::max<std::uint64_t>(lives.empty() ? 1 : lives.back().account.boot + 1,
                                                 static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)));
  present.account.started = now.wall;
  present.last_sequence = last_sequence_of(opened->content);
  auto queue = std::unique_ptr<Queue>(new Queue(state_dir, std::move(*opened), present));
  if (const auto found = queue->find_front(); !found) return core::fail(core::Fault::StorageFailed, found.error().what);
  return queue;
}

Queue::Queue(std::filesystem::path state_dir, Opened opened, const Life& present)
    : state_dir_(std::move(state_dir)), ledger_(opened.content.lives, present) {
  nothing_above_ = present.last_sequence;
  adopt(std::move(opened));
}

void Queue::adopt(Opened opened) {
  tables_.emplace(std::move(opened.tables));
  remembered_ = std::move(opened.content.remembered);
  documents_ = std::move(opened.content.documents);
  spool_id_ = opened.content.identity.id;
  aside_ = opened.aside;
  std::move(opened.notes.begin(), opened.notes.end(), std::back_inserter(notes_));
  std::move(opened.dropped.begin(), opened.dropped.end(), std::back_inserter(dropped_));
}

Outcome Queue::run(Turn& turn) {
  Outcome outcome;
  if (turn.release) handed_out_ = 0;
  before_appends_ = nothing_above_;
  if (turn.write) {
    const auto written = with_sound_file(turn.now, [&] { return write(turn, outcome); });
    if (!written)
      outcome.write_failed =
          core::Error{core::Fault::StorageFailed, "the spool cannot be written: " + written.error().what, {}};
  }
  const auto read = with_sound_file(turn.now, [&] {
    return find_front().and_then([&] { return answer(turn, outcome); }).and_then([&] {
      return turn.accounts ? count(outcome) : SqliteResult<void>{};
    });
  });
  if (!read) {
    outcome.answer.clear();
    outcome.read_failed = core::Error{core::Fault::StorageFailed, "the spool cannot be read: " + read.error().what, {}};
  } else if (!outcome.answer.empty()) {
    handed_out_ = std::max(handed_out_, outcome.answer.back().message.sequence);
  }
  outcome.notes = take_notes();
  auto dropped = take_dropped();
  outcome.dropped.insert(outcome.dropped.end(), dropped.begin(), dropped.end());
  outcome.standing = standing(turn.limits, turn.now);
  outcome.standing.figures.bytes_written = bytes_written_.so_far();
  return outcome;
}

core::Result<std::vector<core::DurableCommand>> Queue::commands(const Moment& now) {
  std::vector<core::DurableCommand> commands;
  const auto done = with_sound_file(now, [&] {
    return tables_->inbox().commands().map([&](auto&& found) { commands = std::forward<decltype(found)>(found); });
  });
  if (!done) return core::fail(core::Fault::StorageFailed, "the spool cannot be read: " + done.error().what);
  return commands;
}

SqliteResult<void> Queue::with_sound_file(const Moment& now, const std::function<SqliteResult<void>()>& work) {
  auto done = tables_ ? work() : mend(now, why_damaged_).and_then(work);
  if (done || !done.error().means_damaged()) return done;
  return mend(now, done.error().what).and_then(work);
}

SqliteResult<void> Queue::mend(const Moment& now, const std::string& why) {
  if (now.now < mend_again_at_) return tl::unexpected(SqliteError{0, "it is damaged (" + why + ")"});
  why_damaged_ = why;
  if (tables_) {
    // What closing would write to a damaged file could only do more damage.
    if (auto set = tables_->connection().checkpoint_on_close(false); !set) return set;
    tables_.reset();
  }
  const Life present = ledger_.present();
  const Content known{ledger_.lives(), remembered_, {spool_id_, present.last_sequence}, documents_};
  auto opened = mend_database(state_dir_, why, known, now);
  // Not an error that means damage: that would be tried again at once.
  if (!opened) {
    mend_again_at_ = now.now + k_pause_between_mendings;
    return tl::unexpected(SqliteError{0, opened.error().what});
  }
  std::vector<Life> past = opened->content.lives;
  Life now_present = present;
  if (!past.empty() && past.back().account.boot == present.account.boot) {
    now_present = past.back();
    past.pop_back();
  }
  ledger_ = Ledger(past, now_present);
  nothing_above_ = present.last_sequence;
  before_appends_ = nothing_above_;
  adopt(std::move(*opened));
  front_.reset();
  return find_front();
}

SqliteResult<void> Queue::write(Turn& turn, Outcome& outcome) {
  const Transaction::Frame frame{spool_id_, handed_out_, aside_};
  Transaction transaction(*tables_, ledger_, frame, turn);
  auto done =
      tables_->begin().and_then([&] { return transaction.write(); }).and_then([&] { return tables_->commit(); });
  if (!done) {
    tables_->roll_back();
    ledger_.drop_draft();
    return done;
  }
  ledger_.keep_draft();
  auto found = std::move(transaction).found();
  aside_ = found.aside;
  for (const auto& [key, remembered] : turn.remember) put_in(remembered_, key, remembered);
  put_in(documents_, turn.keep);
  if (found.left || found.requeued) front_.reset();
  before_appends_ = found.requeued ? ledger_.present().last_sequence : nothing_above_;
  if (found.requeued || !turn.appends.empty()) nothing_above_ = ledger_.present().last_sequence;
  outcome.appended = std::move(found.appended);
  outcome.taken = std::move(found.taken);
  outcome.dropped = std::move(found.dropped);
  outcome.replay_goes_on_after = found.replay_goes_on_after;
  return {};
}

SqliteResult<void> Queue::find_front() {
  if (ledger_.sums().queued == 0) {
    front_.reset();
    return {};
  }
  if (front_) return {};
  return tables_->heads(0, 1).and_then([this](const std::vector<Head>& heads) -> SqliteResult<void> {
    if (heads.empty()) return damaged("the messages of the account are not there");
    front_ = heads.front();
    return {};
  });
}

SqliteResult<void> Queue::answer(const Turn& turn, Outcome& outcome) {
  if (!turn.question) return {};
  const Question& question = *turn.question;
  outcome.answer.clear();
  Answer answer(question, outcome.answer);
  if (before_appends_ <= question.after && outcome.dropped.empty()) {
    // What was just written is all that there is: no need to read it back.
    for (std::size_t i = 0; i < outcome.appended.size(); ++i) {
      if (!outcome.appended[i]) continue;
      for (const auto& [row, ours] : turn.appends[i]) {
        if (!answer.has_room_for(row.bytes)) return {};
        answer.add(core::Telemetry(row.message), row.bytes);
      }
    }
    return {};
  }
  std::optional<std::uint64_t> after = question.after;
  while (after) {
    auto read = tables_->read(*std::exchange(after, std::nullopt), [&](Row&& row) {
      if (!answer.has_room_for(row.bytes)) return false;
      const std::uint64_t sequence = row.message.sequence;
      const std::uint64_t past = outcome.write_failed ? past_those_that_left(turn, sequence) : sequence;
      if (past != sequence) {
        after = past - 1;
        return false;
      }
      answer.add(std::move(row.message), row.bytes);
      return true;
    });
    if (!read) return read;
  }
  if (outcome.answer.empty()) nothing_above_ = std::min(nothing_above_, question.after);
  return {};
}

SqliteResult<void> Queue::count(Outcome& outcome) {
  const auto rows = tables_->count_by_boot();
  if (!rows) return tl::unexpected(rows.error());
  std::map<std::uint64_t, std::uint64_t> queued(rows->begin(), rows->end());
  std::vector<core::Account> accounts;
  for (const Life& life : ledger_.lives()) {
    accounts.push_back(life.account);
    accounts.back().queued = queued[life.account.boot];
    queued.erase(life.account.boot);
  }
  if (!queued.empty()) return damaged("messages of boot " + std::to_string(queued.begin()->first) + " have no account");
  outcome.accounts = std::move(accounts);
  return {};
}

Standing Queue::standing(const Limits& limits, const Moment& now) const {
  const Ledger::Sums sums = ledger_.sums();
  Standing standing;
  standing.figures = {sums.queued,      sums.queued_bytes, {}, sums.accepted, sums.delivered, sums.dropped,
                      sums.quarantined, limits.bytes_max,  0};
  standing.last_sequence = ledger_.present().last_sequence;
  const Life* life = front_ ? ledger_.find(front_->boot) : nullptr;
  if (life == nullptr) return standing;
  const auto age = age_of(*front_, *life, life == &ledger_.present(), now);
  standing.figures.oldest_queued = now.wall - age;
  standing.first_queued = front_->sequence;
  // The front is not looked at while it is on its way to a hub. What is behind it, or judged by a wall clock that may
  // yet be set, is looked at now and then.
  const auto left = front_->sequence > handed_out_ ? limits.age_max - age : k_look_max;
  standing.next_look = std::clamp<std::chrono::microseconds>(left, k_look_min, k_look_max);
  return standing;
}

}  // namespace iotc_ha::spool
