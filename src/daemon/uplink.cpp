#include "uplink.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using runtime::Severity;

std::string why(core::Loss loss) {
  switch (loss) {
    case core::Loss::Full: return "spool.max_bytes is reached";
    case core::Loss::Expired: return "older than spool.max_age";
    case core::Loss::Damaged: return "the disk no longer has what was written to it";
    case core::Loss::Quarantined: return "the hub closes the session each time it is sent; it is kept aside";
  }
  return "";
}

std::string described(const core::Dropped& dropped) {
  const std::string numbers = dropped.first == dropped.last
                                  ? std::to_string(dropped.first)
                                  : std::to_string(dropped.first) + " to " + std::to_string(dropped.last);
  return std::to_string(dropped.count) + (dropped.count == 1 ? " message (" : " messages (") + numbers +
         (dropped.reason == core::Loss::Quarantined ? ") quarantined: " : ") dropped: ") + why(dropped.reason);
}

}  // namespace

Uplink::Uplink(runtime::Loop& loop, runtime::Journal& journal, spool::Store& store, hub::Sessions& sessions,
               const Settings& settings, Watch& watch, Listener listener)
    : loop_(loop),
      journal_(journal),
      store_(store),
      sessions_(sessions),
      settings_(settings),
      watch_(watch),
      listener_(std::move(listener)),
      waiting_timer_(loop.make_timer([this] { answer_those_out_of_time(); })) {
  store_.listen({.dropped = [this](const core::Dropped& lost) { dropped(lost); },
                 .figures_changed = [this] { listener_.figures_changed(); },
                 .trouble = [this](const core::Error& error) { journal_.write(Severity::Error, error.what); }});
}

void Uplink::settings_changed() { store_.set_limits(spool_limits(settings_.config)); }

// ---- In

void Uplink::submit(std::vector<core::Submission> messages, Answer<core::Sequences> answer) {
  if (stopping_) return answer(core::fail(core::Fault::Busy, "the agent is stopping; nothing was accepted"));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto checked = azure::check_submission(messages[i]);
    if (checked) continue;
    core::Error error = std::move(checked.error());
    if (messages.size() > 1) {
      error.what = "message " + std::to_string(i + 1) + " of " + std::to_string(messages.size()) + ": " + error.what +
                   "; none of them was accepted";
    }
    return answer(tl::unexpected(std::move(error)));
  }
  store_.append(std::move(messages), std::move(answer));
}

// ---- Out

void Uplink::session_opened(core::AttemptId attempt, const std::string& hub) {
  session_ended(core::Outbox::End::Planned);
  session_ = Session{attempt, hub};
  last_hub_ = hub;
  store_.replay(hub);
  read_on();
  if (!waiting_.empty()) ask_the_disk_who_is_clear();
}

void Uplink::session_ended(core::Outbox::End end) {
  if (!session_) return;
  session_.reset();
  reading_ = false;
  outbox_.session_ended(end);
  if (const auto condemned = outbox_.take_condemned()) {
    store_.quarantine(*condemned, "closes the session at " + last_hub_);
  }
  store_.release();
}

void Uplink::read_on() {
  if (!session_ || reading_) return;
  const auto room = outbox_.room();
  if (!room) return;
  reading_ = true;
  store_.next(room->after, room->count, room->bytes,
              [this, attempt = session_->attempt](std::vector<core::Telemetry> messages) {
                if (!session_ || session_->attempt != attempt) return;
                reading_ = false;
                outbox_.load(std::move(messages));
                send_what_waits();
              });
}

void Uplink::send_what_waits() {
  if (!session_) return;
  for (core::Telemetry& message : outbox_.take(loop_.now())) {
    watch_.asked(core::LinkWatch::Question::Telemetry, message.sequence, core::size_of(message));
    sessions_.send(session_->attempt, std::move(message));
  }
  read_on();
}

void Uplink::on(const hub::TelemetryAcknowledged& notice) {
  store_.acknowledge(notice.sequence, last_hub_);
  if (!session_ || session_->attempt != notice.attempt) {  // of a session that is being drained
    if (!waiting_.empty()) ask_the_disk_who_is_clear();
    return;
  }
  watch_.answered(core::LinkWatch::Question::Telemetry, notice.sequence);
  outbox_.acknowledged(notice.sequence, loop_.now());
  send_what_waits();
  answer_those_clear([clear = outbox_.clear_up_to()](std::uint64_t sequence) { return sequence <= clear; });
  if (session_ && quiet()) listener_.quiet(session_->attempt);
}

void Uplink::dropped(const core::Dropped& dropped) {
  if (drops_[dropped.reason].again() || dropped.reason == core::Loss::Quarantined) {
    journal_.write(Severity::Warning, described(dropped));
  }
  listener_.dropped(dropped);
  answer_those([&](const Waiting& one) { return one.sequence >= dropped.first; },
               core::fail(core::Fault::MessagesDropped, described(dropped)));
}

// ---- Those who wait for the hub

void Uplink::flush(std::uint64_t sequence, std::chrono::microseconds timeout, Answer<void> answer) {
  if (stopping_) return answer(core::fail(core::Fault::Busy, "the agent is stopping"));
  if (sequence > store_.last_sequence()) {
    return answer(core::fail(core::Fault::BadConfiguration, "there is no message " + std::to_string(sequence) +
                                                                " yet; the last one is " +
                                                                std::to_string(store_.last_sequence())));
  }
  waiting_.push_back({sequence, loop_.now() + timeout, std::move(answer)});
  ask_the_disk_who_is_clear();
}

void Uplink::ask_the_disk_who_is_clear() {
  store_.settle([this] {
    answer_those_clear([this](std::uint64_t sequence) { return store_.empty_up_to(sequence); });
    answer_those_out_of_time();
  });
}

void Uplink::answer_those_clear(const std::function<bool(std::uint64_t)>& is_clear) {
  answer_those([&](const Waiting& one) { return is_clear(one.sequence); }, {});
}

void Uplink::answer_those_out_of_time() {
  answer_those([now = loop_.now()](const Waiting& one) { return now >= one.until; },
               core::fail(core::Fault::TimedOut, "no hub has acknowledged everything up to there in time"));
  const auto next = std::min_element(waiting_.begin(), waiting_.end(),
                                     [](const Waiting& a, const Waiting& b) { return a.until < b.until; });
  if (next != waiting_.end()) waiting_timer_->arm(next->until);
}

template <typename Which>
void Uplink::answer_those(Which which, const core::Result<void>& result) {
  const auto answered =
      std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return !which(one); });
  const std::vector<Waiting> gone(std::make_move_iterator(answered), std::make_move_iterator(waiting_.end()));
  waiting_.erase(answered, waiting_.end());
  for (const Waiting& one : gone) one.answer(result);
}

// ---- The end

void Uplink::stop_accepting() {
  stopping_ = true;
  answer_those([](const Waiting&) { return true; }, core::fail(core::Fault::Busy, "the agent is stopping"));
}

std::string Uplink::account() const {
  const core::SpoolFigures figures = store_.figures();
  return std::to_string(figures.accepted) + " messages accepted, " + std::to_string(figures.delivered) +
         " delivered, " + std::to_string(figures.dropped) + " dropped, " + std::to_string(figures.quarantined) +
         " quarantined, " + std::to_string(figures.queued) + " waiting";
}

}  // namespace iotc_ha::daemon
