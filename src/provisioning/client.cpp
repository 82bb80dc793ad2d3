#include "https.hpp"

#include <iotc_ha/azure/dps.hpp>
#include <iotc_ha/provisioning/client.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <variant>

namespace iotc_ha::provisioning {
namespace {

using core::Error;
using core::Fault;
using namespace std::chrono_literals;

/// After a poll that DPS was too busy to answer, unless it said how long to wait. Under 2 s it would be over its limit.
constexpr std::chrono::seconds k_busy_poll{5};
constexpr std::chrono::seconds k_shortest_poll{2};
/// Azure refuses tokens when the clocks differ by more.
constexpr std::chrono::minutes k_clock_tolerance{5};

std::string in_words(std::chrono::seconds time) {
  const auto whole = [](auto part, const char* unit) { return std::to_string(part.count()) + unit; };
  if (time < 2h) return whole(std::chrono::round<std::chrono::minutes>(time), " min");
  if (time < 48h) return whole(std::chrono::round<std::chrono::hours>(time), " h");
  return whole(std::chrono::round<std::chrono::days>(time), " days");
}

/// A wrong clock makes a token that looks like one of a wrong key: the answer's date tells them apart.
std::string clock_remark(const Reply& reply) {
  if (!reply.date) return {};
  const auto ahead = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - *reply.date;
  if (std::chrono::abs(ahead) <= k_clock_tolerance) return {};
  return "; this machine's clock is " + in_words(std::chrono::abs(ahead)) + (ahead > 0s ? " ahead of" : " behind") +
         " the service's, which alone makes its tokens invalid";
}

/// One attempt, from the first register to the decision.
class Attempt {
 public:
  Attempt(Https& https, const Registration& registration, const Https::Wanted& wanted)
      : https_(https),
        registration_(registration),
        wanted_(wanted),
        destination_{registration.host, registration.port, registration.ca_file, registration.proxy},
        deadline_(Https::Clock::now() + registration.timeout) {}

  core::Result<azure::DpsAssigned> run() {
    auto answer = put();
    while (answer && std::holds_alternative<azure::DpsAssigning>(*answer)) {
      answer = next_answer(std::get<azure::DpsAssigning>(*std::move(answer)));
    }
    if (!answer) return tl::unexpected(std::move(answer.error()));
    return std::get<azure::DpsAssigned>(*std::move(answer));
  }

 private:
  /// Waits as long as DPS asked, polls, and puts up with what passes by itself.
  core::Result<azure::DpsAnswer> next_answer(azure::DpsAssigning assigning) {
    if (auto over = wait(assigning.retry_after)) return tl::unexpected(*std::move(over));
    auto answer = get(assigning.operation_id);
    if (answer) return answer;
    switch (answer.error().fault) {
      case Fault::DpsThrottled:
      case Fault::DpsUnavailable:
        assigning.retry_after = std::max(answer.error().retry_after.value_or(k_busy_poll), k_shortest_poll);
        last_busy_ = std::move(answer.error());
        return assigning;
      case Fault::DpsNotFound:
      case Fault::DpsConflict:
        if (std::exchange(registered_again_, true)) return answer;
        return put();
      default: return answer;
    }
  }

  /// The error when the time is over before `pause` is.
  std::optional<Error> wait(std::chrono::seconds pause) {
    const auto when = Https::Clock::now() + pause;
    if (when < deadline_) {
      https_.pause_until(when, wanted_);
      return std::nullopt;
    }
    if (last_busy_) return std::move(last_busy_);
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(registration_.timeout);
    // Told at once rather than slept through; DPS still wants its pause before it is troubled again.
    return Error{Fault::TimedOut, "DPS will not have decided within " + std::to_string(limit.count()) + " s", pause};
  }

  core::Result<azure::DpsAnswer> put() {
    return ask({Request::Method::Put, azure::dps_register_path(registration_.id_scope, registration_.registration_id),
                azure::dps_register_body(registration_.registration_id, registration_.model_id), registration_.token});
  }

  core::Result<azure::DpsAnswer> get(const std::string& operation_id) {
    return ask({Request::Method::Get,
                azure::dps_operation_path(registration_.id_scope, registration_.registration_id, operation_id),
                {},
                registration_.token});
  }

  core::Result<azure::DpsAnswer> ask(const Request& request) {
    const auto reply = https_.exchange(destination_, request, deadline_, wanted_);
    if (!reply) return tl::unexpected(reply.error());
    last_busy_.reset();
    auto answer = azure::read_dps_answer(reply->status, reply->body, reply->retry_after);
    if (!answer && answer.error().fault == Fault::DpsUnauthorized) answer.error().what += clock_remark(*reply);
    return answer;
  }

  Https& https_;
  const Registration& registration_;
  const Https::Wanted& wanted_;
  const Destination destination_;
  const Https::Clock::time_point deadline_;
  bool registered_again_ = false;
  std::optional<Error> last_busy_;  ///< what the last poll was answered, while that was only that DPS is busy
};

}  // namespace

/// The loop's side, and what the thread shares with it. An attempt is wanted while its serial number is the newest.
class Client::Worker {
 public:
  Worker(runtime::Post post, std::function<void(Answer)> on_answer)
      : shared_(std::make_shared<Shared>(std::move(post), std::move(on_answer))) {}

  ~Worker() { cancel_present(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void begin(core::AttemptId attempt, Registration registration) {
    attempt_ = attempt;
    const std::uint64_t serial = ++last_serial_;
    shared_->wanted.store(serial);
    shared_->https.wake();
    const bool taken = thread_.post([shared = shared_, serial, attempt, registration = std::move(registration)] {
      const Https::Wanted wanted = [&] { return shared->wanted.load() == serial; };
      if (!wanted()) return;
      report(shared, serial, attempt, Attempt(shared->https, registration, wanted).run());
    });
    if (!taken)
      report(shared_, serial, attempt, core::fail(Fault::Busy, "the thread that asks DPS does not come back"));
  }

  void cancel(core::AttemptId attempt) {
    if (attempt_ == attempt) cancel_present();
  }

 private:
  static constexpr std::uint64_t k_none = 0;
  /// A cancelled attempt ends at once, so that more than two wait only when the thread hangs.
  static constexpr std::size_t k_jobs_max = 8;

  struct Shared {
    Shared(runtime::Post to_loop, std::function<void(Answer)> answer)
        : post(std::move(to_loop)), on_answer(std::move(answer)) {}
    const runtime::Post post;
    const std::function<void(Answer)> on_answer;
    std::atomic<std::uint64_t> wanted{k_none};
    Https https;  // the thread's, but for wake()
  };

  void cancel_present() {
    attempt_.reset();
    shared_->wanted.store(k_none);
    shared_->https.wake();
  }

  /// Whether it is still wanted is decided on the loop, where it may be cancelled while the answer is on its way.
  static void report(const std::shared_ptr<Shared>& shared, std::uint64_t serial, core::AttemptId attempt,
                     core::Result<azure::DpsAssigned> decided) {
    Answer answer{attempt, {}, {}};
    if (decided) {
      answer.assignment = std::move(decided->assignment);
      answer.substatus = std::move(decided->substatus);
    } else {
      answer.assignment = tl::unexpected(std::move(decided.error()));
    }
    shared->post([shared, serial, answer = std::move(answer)] {
      std::uint64_t expected = serial;
      if (shared->wanted.compare_exchange_strong(expected, k_none)) shared->on_answer(answer);
    });
  }

  const std::shared_ptr<Shared> shared_;  // with the thread, and with answers that are on their way to the loop
  std::uint64_t last_serial_ = k_none;
  std::optional<core::AttemptId> attempt_;
  runtime::Worker thread_{"provisioning", k_jobs_max};  // goes first: it ends before the rest does
};

Client::Client(runtime::Post post, std::function<void(Answer)> on_answer)
    : worker_(std::make_unique<Worker>(std::move(post), std::move(on_answer))) {}

Client::~Client() = default;

void Client::register_device(core::AttemptId attempt, Registration registration) {
  worker_->begin(attempt, std::move(registration));
}

void Client::cancel(core::AttemptId attempt) { worker_->cancel(attempt); }

}  // namespace iotc_ha::provisioning
