#include "attempt.hpp"

#include "clock.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace iotc_ha::provisioning {
namespace {

using core::Error;
using core::Fault;

/// After a poll that DPS was too busy to answer, unless it said how long to wait.
constexpr std::chrono::seconds k_busy_poll{5};

/// The pace goes by differences alone, so that any clock does that runs evenly.
core::Instant instant(Https::Clock::time_point when) {
  return core::Instant{std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch())};
}

Https::Clock::time_point time_point(core::Instant when) { return Https::Clock::time_point{when.time_since_epoch()}; }

core::Result<azure::DpsAnswer> read(const core::Result<Reply>& reply) {
  if (!reply) return tl::unexpected(reply.error());
  auto answer = azure::read_dps_answer(reply->status, reply->body, reply->retry_after);
  if (answer || answer.error().fault != Fault::DpsUnauthorized || !reply->date) return answer;
  // A wrong clock makes a token that looks like one of a wrong key: the answer's date tells them apart.
  if (const auto remark = clock_remark(std::chrono::system_clock::now(), *reply->date); !remark.empty()) {
    answer.error().fault = Fault::ClockWrong;
    answer.error().what += remark;
  }
  return answer;
}

}  // namespace

Destination destination_of(const core::Registration& registration) {
  return {registration.host, registration.port, registration.ca_file, registration.proxy};
}

Request register_of(const core::Registration& registration) {
  return {Request::Method::Put,
          azure::dps_register_path(registration.id_scope, registration.registration_id),
          azure::dps_register_body(registration.registration_id, registration.model_id),
          {}};
}

core::Result<azure::DpsAssigned> Attempt::run() {
  Request request = register_of(question_.registration);
  request.authorization = question_.registration.token;
  return run_on(https_.exchange(destination_, request, question_.deadline, wanted_,
                                [this] { tell_(core::RegistrationSent{question_.attempt}); }));
}

core::Result<azure::DpsAssigned> Attempt::run_on(const core::Result<Reply>& registered) {
  auto answer = read(registered);
  pace_.registered(instant(Https::Clock::now()), question_.registration.early_poll);
  while (answer && std::holds_alternative<azure::DpsAssigning>(*answer)) {
    answer = next_answer(std::get<azure::DpsAssigning>(*std::move(answer)));
  }
  if (!answer) return tl::unexpected(std::move(answer.error()));
  return std::get<azure::DpsAssigned>(*std::move(answer));
}

/// Waits for the next moment of the pace, polls, and puts up with what passes by itself.
core::Result<azure::DpsAnswer> Attempt::next_answer(azure::DpsAssigning assigning) {
  if (auto over = wait(assigning.retry_after)) return tl::unexpected(*std::move(over));
  auto answer = poll(assigning.operation_id);
  if (answer) {
    last_busy_.reset();
    return answer;
  }
  switch (answer.error().fault) {
    case Fault::DpsThrottled: tell_(core::PollThrottled{question_.attempt}); [[fallthrough]];
    case Fault::DpsUnavailable:
      pace_.throttled();  // who is failing is not to be hurried either
      assigning.retry_after = answer.error().retry_after.value_or(k_busy_poll);
      last_busy_ = std::move(answer.error());
      return assigning;
    case Fault::DpsNotFound:  // the operation, and not the enrolment: it takes another register, and no operator
      answer.error().fault = Fault::DpsConflict;
      return answer;
    default: return answer;
  }
}

/// The error when the time is over before the next poll may go out.
std::optional<Error> Attempt::wait(std::chrono::seconds suggested) {
  const auto when = time_point(pace_.next(instant(Https::Clock::now()), suggested));
  if (when < question_.deadline) {
    https_.pause_until(when, wanted_);
    return std::nullopt;
  }
  if (last_busy_) return std::move(last_busy_);
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(question_.registration.timeout);
  // Told at once rather than slept through; DPS still wants its pause before it is troubled again.
  return Error{Fault::TimedOut, "DPS will not have decided within " + std::to_string(limit.count()) + " s", suggested};
}

core::Result<azure::DpsAnswer> Attempt::poll(const std::string& operation_id) {
  const core::Registration& registration = question_.registration;
  const Request request{Request::Method::Get,
                        azure::dps_operation_path(registration.id_scope, registration.registration_id, operation_id),
                        {},
                        registration.token};
  return read(https_.exchange(destination_, request, question_.deadline, wanted_,
                              [this] { pace_.polled(instant(Https::Clock::now())); }));
}

}  // namespace iotc_ha::provisioning
