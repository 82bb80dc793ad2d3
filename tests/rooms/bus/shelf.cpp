#include "shelf.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <utility>

namespace iotc_ha::bus {

void Shelf::serve(Requests& requests) {
  requests.submit = [this](std::vector<core::Submission> submissions, const Answer<core::Sequences>& answer) {
    submit(std::move(submissions), answer);
  };
  requests.flush = [this](std::uint64_t sequence, std::chrono::microseconds timeout, Answer<void> answer) {
    flushes.push_back({sequence, timeout, std::move(answer)});
  };
  requests.accounts = [this](const Answer<std::vector<core::Account>>& answer) {
    if (!hold) return answer(accounts);
    held.emplace_back([this, answer] { answer(accounts); });
  };
  requests.figures = [this] { return figures; };
}

void Shelf::submit(std::vector<core::Submission> submissions, const Answer<core::Sequences>& answer) {
  const auto taken = take(std::move(submissions));
  if (!hold) return answer(taken);
  held.emplace_back([answer, taken] { answer(taken); });
}

core::Result<core::Sequences> Shelf::take(std::vector<core::Submission> submissions) {
  calls.push_back(submissions.size());
  if (refusal && messages.size() >= refuse_from) return tl::unexpected(*refusal);
  for (const core::Submission& submission : submissions) {
    if (const auto checked = azure::check_submission(submission); !checked) return tl::unexpected(checked.error());
  }
  const core::Sequences numbers{last_sequence + 1, last_sequence + submissions.size()};
  last_sequence = numbers.last;
  for (core::Submission& submission : submissions) messages.push_back(std::move(submission));
  return numbers;
}

}  // namespace iotc_ha::bus
