#include "watch.hpp"

#include <utility>

namespace iotc_ha::daemon {
namespace {

using Verdict = core::LinkWatch::Verdict;
using namespace std::chrono_literals;

/// Between two times that the owner is told of a death which it does not act on.
constexpr auto k_dead_again = 1s;

/// "1.2 s", "38 s"
std::string in_seconds(std::chrono::microseconds time) {
  const auto tenths = time / 100ms;
  return std::to_string(tenths / 10) + (tenths < 100 ? '.' + std::to_string(tenths % 10) : "") + " s";
}

}  // namespace

Watch::Watch(runtime::Loop& loop, const Settings& settings, Listener listener)
    : loop_(loop), settings_(settings), listener_(std::move(listener)), timer_(loop.make_timer([this] { look(); })) {}

void Watch::session_opened(core::AttemptId attempt, std::optional<std::chrono::microseconds> connect) {
  session_ended();
  attempt_ = attempt;
  link_.session_opened(loop_.now(), connect);
}

void Watch::session_ended() {
  if (!attempt_) return;
  attempt_.reset();
  link_.session_ended(std::exchange(given_up_, false));
  timer_->disarm();
}

void Watch::asked(core::LinkWatch::Question question, std::uint64_t id, std::size_t bytes) {
  if (!attempt_) return;
  link_.asked(question, id, bytes, loop_.now());
  if (!given_up_) arm();
}

void Watch::answered(core::LinkWatch::Question question, std::uint64_t id) {
  if (!attempt_) return;
  link_.answered(question, id, loop_.now());
  if (!given_up_) arm();
}

void Watch::arm() {
  link_.set_limits({settings_.config.failover.suspect_after, settings_.config.failover.silent_after});
  const auto deadline = link_.deadline();
  if (!deadline) return timer_->disarm();
  timer_->arm(*deadline);
}

void Watch::look() {
  if (!attempt_) return;
  const core::AttemptId attempt = *attempt_;
  const Verdict verdict = link_.look(loop_.now());
  given_up_ = verdict == Verdict::Dead;
  if (given_up_) {
    timer_->arm(loop_.now() + k_dead_again);
    return listener_.dead(attempt, {core::Fault::Silent, what(), {}});
  }
  arm();
  if (verdict == Verdict::Relieved) return listener_.relieved(attempt);
  if (verdict == Verdict::Suspect) listener_.suspect(attempt, what());
  if (verdict != Verdict::Well && attempt_ == attempt) listener_.probe();
}

std::string Watch::what() const {
  return (link_.oldest() == core::LinkWatch::Question::Twin ? "has not answered about the twin for "
                                                            : "has not acknowledged a message for ") +
         in_seconds(link_.owed_for(loop_.now()));
}

}  // namespace iotc_ha::daemon
