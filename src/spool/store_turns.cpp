#include "sqlite_store.hpp"

#include <algorithm>
#include <utility>

/// The turns of the store: when the worker gets one, and what becomes of the outcome.
namespace iotc_ha::spool {
namespace {

constexpr std::chrono::seconds k_pause_after_failure{2};

}  // namespace

void SqliteStore::schedule() {
  if (scheduled_ || busy_) return;
  scheduled_ = true;
  // Not at once: what else the loop is about to ask for goes into the same transaction.
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    scheduled_ = false;
    start_turn();
  });
}

void SqliteStore::flush() {
  flush_due_ = true;
  schedule();
}

void SqliteStore::look() {
  look_due_ = true;
  schedule();
}

void SqliteStore::arm_look() {
  if (standing_.next_look) {
    look_timer_->arm(loop_.now() + *standing_.next_look);
  } else {
    look_timer_->disarm();
  }
}

bool SqliteStore::must_write() const {
  const Gathering& all = gathering_;
  if (!all.appends.empty() || !all.remember.empty()) return true;
  if (!all.keep.empty() || !all.complete.empty() || !all.take.empty()) return true;
  // The rest waits a little when the disk has just refused; those who wait for an answer do not.
  const bool told = all.acknowledged_count > 0 || !all.set_aside.empty() || all.replay;
  if (told && (!all.settled.empty() || !all.counted.empty())) return true;
  if (loop_.now() < retry_at_) return false;
  if (!all.set_aside.empty() || all.replay || look_due_) return true;
  if (all.acknowledged_count > 0 && flush_due_) return true;
  if (all.acknowledged_count >= k_acknowledged_max) return true;
  // Else what was acknowledged a moment ago would be read again.
  return must_ask() && std::any_of(all.acknowledged.begin(), all.acknowledged.end(),
                                   [this](const Acknowledged& range) { return range.last > asking_->question.after; });
}

bool SqliteStore::must_ask() const {
  return asking_ && !asking_->looked && !gathering_.replay && loop_.now() >= retry_at_;
}

void SqliteStore::start_turn() {
  if (busy_) return;
  const bool write = must_write();
  const bool ask = asking_ && (must_ask() || (!gathering_.appends.empty() && !gathering_.replay));
  if (!write && !ask && gathering_.counted.empty() && gathering_.settled.empty()) return;

  auto turn = std::make_shared<Turn>();
  turn->limits = limits_;
  turn->now = moment();
  turn->release = std::exchange(gathering_.release, false);
  turn->write = write;
  running_ = {};
  if (write) {
    running_ = std::exchange(gathering_, {});
    turn->acknowledged = std::move(running_.acknowledged);
    turn->set_aside = std::move(running_.set_aside);
    turn->replay = std::move(running_.replay);
    turn->appends = std::move(running_.appends);
    turn->remember = std::move(running_.remember);
    turn->keep = std::move(running_.keep);
    turn->complete = std::move(running_.complete);
    turn->take = std::move(running_.take);
    flush_due_ = look_due_ = false;
    flush_timer_->disarm();
  } else {
    running_.counted = std::exchange(gathering_.counted, {});
    running_.settled = std::exchange(gathering_.settled, {});
  }
  turn->accounts = !running_.counted.empty();
  if (ask) turn->question = asking_->question;
  if (asking_) asking_->in_turn = ask;

  // False when the worker was abandoned, and then nobody waits for an answer any more.
  busy_ = worker_.post([this, queue = queue_, turn, post = loop_.poster(), alive = std::weak_ptr(alive_)] {
    auto outcome = std::make_shared<Outcome>(queue->run(*turn));
    post([this, turn, outcome, alive] {
      if (!alive.expired()) finish_turn(*turn, *outcome);
    });
  });
}

void SqliteStore::finish_turn(Turn& turn, Outcome& outcome) {
  busy_ = false;
  Gathering waiting = std::exchange(running_, {});
  const core::SpoolFigures before = standing_.figures;
  standing_ = outcome.standing;
  const bool failed = outcome.write_failed || outcome.read_failed;
  retry_at_ = failed ? loop_.now() + k_pause_after_failure : core::Instant{};
  if (failed) retry_timer_->arm(retry_at_);
  const bool wrote = turn.has_something_to_write();
  if (outcome.write_failed) {
    gathering_.take_back(turn, waiting.told);
    flush_due_ = flush_due_ || gathering_.acknowledged_count > 0;
  } else {
    for (const auto& [key, remembered] : turn.remember) put_in(remembered_, key, remembered);
    if (outcome.replay_goes_on_after && !gathering_.replay) {
      gathering_.replay = Replay{turn.replay->hub, *outcome.replay_goes_on_after};
      gathering_.settle_later(std::move(waiting.settled));
      waiting.settled.clear();
    }
    // What came into the queue without the question being asked may be its answer.
    const bool came = !turn.appends.empty() || turn.replay;
    if (asking_ && !asking_->in_turn && came) asking_->looked = false;
  }
  arm_look();
  tell_of_trouble(outcome, wrote);
  answer_all(waiting, turn, outcome);
  if (listener_.figures_changed && before != standing_.figures) listener_.figures_changed();
  schedule();
}

void SqliteStore::tell_of_trouble(const Outcome& outcome, bool wrote) {
  std::vector<core::Error> lines = outcome.notes;
  const std::optional<core::Error>& failed = outcome.write_failed ? outcome.write_failed : outcome.read_failed;
  if (failed && !troubled_) lines.push_back(*failed);
  troubled_ = failed.has_value() || (troubled_ && !wrote);
  if (!listener_.trouble) return;
  for (const core::Error& line : lines) listener_.trouble(line);
}

void SqliteStore::answer_all(Gathering& waiting, const Turn& turn, Outcome& outcome) {
  for (std::size_t i = 0; i < waiting.appended.size(); ++i) {
    waiting.appended[i](outcome.write_failed ? tl::unexpected(*outcome.write_failed) : std::move(outcome.appended[i]));
  }
  for (std::size_t i = 0; i < waiting.remembered.size(); ++i) {
    if (!outcome.write_failed) {
      waiting.remembered[i]({});
    } else {
      waiting.remembered[i](core::fail(
          core::Fault::StorageFailed,
          "hub " + turn.remember[i].second.assignment.hub + " cannot be remembered: " + outcome.write_failed->what));
    }
  }
  answer_inbox(waiting, outcome);
  for (const core::Dropped& dropped : outcome.dropped) {
    if (listener_.dropped) listener_.dropped(dropped);
  }
  for (const auto& counted : waiting.counted) {
    counted(outcome.read_failed ? tl::unexpected(*outcome.read_failed) : outcome.accounts);
  }
  // Unless another question has taken its place.
  if (asking_ && asking_->in_turn && !outcome.read_failed) hand_out(std::move(outcome.answer));
  for (const auto& settled : waiting.settled) settled();
}

void SqliteStore::hand_out(std::vector<HandedOut>&& messages) {
  asking_->looked = true;
  asking_->in_turn = false;
  if (messages.empty()) return;
  const auto done = std::exchange(asking_, std::nullopt)->done;
  std::vector<core::Telemetry> telemetry;
  telemetry.reserve(messages.size());
  for (auto& [message, bytes] : messages) {
    handed_out_.insert_or_assign(message.sequence, bytes);
    telemetry.push_back(std::move(message));
  }
  done(std::move(telemetry));
}

void SqliteStore::figures_changed_later() {
  if (announced_ || !listener_.figures_changed) return;
  announced_ = true;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    announced_ = false;
    listener_.figures_changed();
  });
}

}  // namespace iotc_ha::spool
