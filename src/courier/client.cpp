#include "process.hpp"

#include <iotc_ha/courier/client.hpp>
#include <iotc_ha/courier/wire.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace iotc_ha::courier {

using core::AttemptId;
using core::Fault;
using core::RegistrationNotice;

class Client::Inside final : public Process::Listener {
 public:
  Inside(runtime::Loop& loop, Program program, std::function<void(RegistrationNotice)> on_notice,
         std::chrono::milliseconds linger)
      : loop_(loop),
        program_(std::move(program)),
        on_notice_(std::move(on_notice)),
        linger_(linger),
        timer_(loop.make_timer([this] { time_is_over(); })) {}

  void prepare(const core::Registration& whom) {
    if (asked_) return;
    // Whatever stands against it is told when there is a question.
    if (say(command::Prepare{whom})) rest();
  }

  void register_device(AttemptId attempt, core::Registration registration) {
    asked_ = attempt;
    timer_->arm(loop_.now() + registration.timeout + k_overdue);
    if (auto said = say(command::Register{attempt, std::move(registration)}); !said) {
      loop_.post([this, attempt, error = std::move(said.error()), here = std::weak_ptr(here_)] {
        if (!here.expired() && asked_ == attempt) fail(error);
      });
    }
  }

  void cancel(AttemptId attempt) {
    if (asked_ != attempt) return;
    rest();
    if (process_ && !process_->send(to_message(command::Cancel{attempt}))) leave(&Process::kill);
  }

 private:
  /// One is enough, unless it does not end; more than these are not waited for.
  static constexpr std::size_t k_leaving_max = 4;

  /// To the process that is there, or, when there is none or it does not listen, to a new one.
  core::Result<void> say(const Command& command) {
    const std::string message = to_message(command);
    if (process_ && process_->send(message)) return {};
    leave(&Process::kill);
    if (leaving_.size() >= k_leaving_max) {
      return core::fail(Fault::Busy, std::to_string(leaving_.size()) + " runs of iotc-ha-dps do not end");
    }
    auto started = Process::start(loop_, program_, *this);
    if (!started) return tl::unexpected(std::move(started.error()));
    process_ = *std::move(started);
    if (process_->send(message)) return {};
    return core::fail(Fault::Busy, "iotc-ha-dps has ended before it was asked");
  }

  void on_message(Process& from, const std::string& message) override {
    if (&from != process_.get()) return;
    const auto notice = read_notice(message);
    if (!notice) {
      leave(&Process::kill);
      return fail(notice.error());
    }
    const auto attempt = std::visit([](const auto& n) { return n.attempt; }, *notice);
    if (asked_ != attempt) return;  // it was cancelled while this was on its way
    if (std::holds_alternative<core::Registered>(*notice)) rest();
    on_notice_(*notice);
  }

  void on_end(Process& process, const std::string& how) override {
    if (&process == process_.get()) {
      let_go(std::move(process_));
      return fail({Fault::Busy, "the process that asks DPS " + how, {}});
    }
    const auto found =
        std::find_if(leaving_.begin(), leaving_.end(), [&](const auto& one) { return one.get() == &process; });
    let_go(std::move(*found));
    leaving_.erase(found);
  }

  /// When it is not in the midst of a call any more.
  void let_go(std::shared_ptr<Process> process) {
    loop_.post([process = std::move(process)] {});
  }

  void time_is_over() {
    if (!asked_) return leave(&Process::dismiss);
    leave(&Process::kill);
    fail({Fault::TimedOut, "the process that asks DPS does not answer", {}});
  }

  /// Nothing is asked, and the process has until then to be asked again.
  void rest() {
    asked_.reset();
    timer_->arm(loop_.now() + linger_);
  }

  void leave(void (Process::*how)()) {
    if (!process_) return;
    (process_.get()->*how)();
    leaving_.push_back(std::move(process_));
  }

  void fail(core::Error error) {
    if (!asked_) return;
    const AttemptId attempt = *asked_;
    rest();
    on_notice_(core::Registered{attempt, tl::unexpected(std::move(error)), {}});
  }

  runtime::Loop& loop_;
  const Program program_;
  const std::function<void(RegistrationNotice)> on_notice_;
  const std::chrono::milliseconds linger_;
  std::optional<AttemptId> asked_;
  std::unique_ptr<Process> process_;
  std::vector<std::unique_ptr<Process>> leaving_;  ///< until they have ended
  std::unique_ptr<runtime::Loop::Timer> timer_;    ///< while something is asked, its limit; then that of the process
  std::shared_ptr<const bool> here_ = std::make_shared<bool>(true);  ///< for what is posted
};

Client::Client(runtime::Loop& loop, Program program, std::function<void(RegistrationNotice)> on_notice,
               std::chrono::milliseconds linger)
    : inside_(std::make_unique<Inside>(loop, std::move(program), std::move(on_notice), linger)) {}

Client::~Client() = default;

void Client::prepare(const core::Registration& whom) { inside_->prepare(whom); }

void Client::register_device(AttemptId attempt, core::Registration registration) {
  inside_->register_device(attempt, std::move(registration));
}

void Client::cancel(AttemptId attempt) { inside_->cancel(attempt); }

}  // namespace iotc_ha::courier
