#include "attempt.hpp"
#include "https.hpp"
#include "reserve.hpp"

#include <iotc_ha/core/poll_pace.hpp>
#include <iotc_ha/provisioning/client.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace iotc_ha::provisioning {

using core::Fault;
using core::RegistrationNotice;

/// The loop's side, and what the thread shares with it. An attempt is wanted while its serial number is the newest.
class Client::Worker {
 public:
  Worker(runtime::Post post, std::function<void(RegistrationNotice)> on_notice)
      : shared_(std::make_shared<Shared>(std::move(post), std::move(on_notice))) {}

  ~Worker() {
    drop_reserve();
    cancel_present();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void prepare(const core::Registration& whom) {
    if (shared_->wanted.load() != k_none) return;
    const auto until = Https::Clock::now() + k_prepared_max;
    if (reserve_ && reserve_->is_waiting() && reserve_->is_for(whom)) return reserve_->wait_until(until);
    drop_reserve();
    reserve_ = std::make_shared<Reserve>(whom, until);
    shared_->https.wake();
    if (!run([shared = shared_, reserve = reserve_] { serve(shared, *reserve); })) drop_reserve();
  }

  void begin(core::AttemptId attempt, core::Registration registration) {
    attempt_ = attempt;
    const std::uint64_t serial = ++last_serial_;
    const auto deadline = Https::Clock::now() + registration.timeout;
    const Question question{attempt, serial, std::move(registration), deadline};
    shared_->wanted.store(serial);
    const bool prepared = reserve_ && reserve_->is_for(question.registration) && reserve_->give(question);
    if (!prepared) drop_reserve();
    reserve_.reset();
    shared_->https.wake();
    if (prepared || run([shared = shared_, question] { serve(shared, question); })) return;
    report(shared_, question, core::fail(Fault::Busy, "the thread that asks DPS does not come back"));
  }

  void cancel(core::AttemptId attempt) {
    if (attempt_ == attempt) cancel_present();
  }

 private:
  static constexpr std::uint64_t k_none = 0;
  /// A cancelled attempt ends at once, so that more than two wait only when the thread hangs.
  static constexpr std::size_t k_jobs_max = 8;

  struct Shared {
    Shared(runtime::Post to_loop, std::function<void(RegistrationNotice)> notice)
        : post(std::move(to_loop)), on_notice(std::move(notice)) {}
    const runtime::Post post;
    const std::function<void(RegistrationNotice)> on_notice;
    std::atomic<std::uint64_t> wanted{k_none};
    // The thread's, but for https.wake()
    Https https;
    core::PollPace pace;
  };
  using SharedPtr = std::shared_ptr<Shared>;

  void cancel_present() {
    attempt_.reset();
    shared_->wanted.store(k_none);
    shared_->https.wake();
  }

  void drop_reserve() {
    if (reserve_) reserve_->drop();
    reserve_.reset();
  }

  /// The thread begins with its first job: many a device never asks DPS in a life.
  [[nodiscard]] bool run(runtime::Worker::Job job) {
    if (!thread_) thread_.emplace("provisioning", k_jobs_max);
    return thread_->post(std::move(job));
  }

  // ---- On the thread

  static void serve(const SharedPtr& shared, const Question& question) {
    const Https::Wanted wanted = [&] { return shared->wanted.load() == question.serial; };
    if (!wanted()) return;
    const auto tell = teller(shared, question);
    report(shared, question, Attempt(shared->https, shared->pace, question, wanted, tell).run());
  }

  static void serve(const SharedPtr& shared, Reserve& reserve) {
    const Https::Wanted wanted = [&] {
      const Question* question = reserve.question();
      return question != nullptr ? shared->wanted.load() == question->serial : reserve.goes_on();
    };
    const Https::Released released = [&]() -> std::optional<Https::Release> {
      const Question* question = reserve.question();
      if (question == nullptr) return std::nullopt;
      return Https::Release{question->registration.token, question->deadline};
    };
    const Https::Sent on_sent = [&] {
      if (const Question* question = reserve.question()) {
        teller(shared, *question)(core::RegistrationSent{question->attempt});
      }
    };
    const auto registered = shared->https.exchange_when_released(
        destination_of(reserve.whom()), register_of(reserve.whom()), released, wanted, on_sent);
    reserve.drop();  // unless it was given a question
    const Question* question = reserve.question();
    if (question == nullptr) return;
    const auto tell = teller(shared, *question);
    report(shared, *question, Attempt(shared->https, shared->pace, *question, wanted, tell).run_on(registered));
  }

  /// Whether it is still wanted is decided on the loop, where it may be cancelled while the notice is on its way.
  static Attempt::Tell teller(const SharedPtr& shared, const Question& question) {
    return [shared, serial = question.serial](RegistrationNotice notice) {
      shared->post([shared, serial, notice = std::move(notice)] {
        if (shared->wanted.load() == serial) shared->on_notice(notice);
      });
    };
  }

  static void report(const SharedPtr& shared, const Question& question, core::Result<azure::DpsAssigned> decided) {
    core::Registered end{question.attempt, {}, {}};
    if (decided) {
      end.assignment = std::move(decided->assignment);
      end.substatus = std::move(decided->substatus);
    } else {
      end.assignment = tl::unexpected(std::move(decided.error()));
    }
    shared->post([shared, serial = question.serial, end = std::move(end)] {
      std::uint64_t expected = serial;
      if (shared->wanted.compare_exchange_strong(expected, k_none)) shared->on_notice(end);
    });
  }

  const SharedPtr shared_;  // with the thread, and with notices that are on their way to the loop
  std::uint64_t last_serial_ = k_none;
  std::optional<core::AttemptId> attempt_;
  std::shared_ptr<Reserve> reserve_;       // while it may be given a question
  std::optional<runtime::Worker> thread_;  // goes first: it ends before the rest does
};

Client::Client(runtime::Post post, std::function<void(RegistrationNotice)> on_notice)
    : worker_(std::make_unique<Worker>(std::move(post), std::move(on_notice))) {}

Client::~Client() = default;

void Client::prepare(const core::Registration& whom) { worker_->prepare(whom); }

void Client::register_device(core::AttemptId attempt, core::Registration registration) {
  worker_->begin(attempt, std::move(registration));
}

void Client::cancel(core::AttemptId attempt) { worker_->cancel(attempt); }

}  // namespace iotc_ha::provisioning
