#pragma once

#include "https.hpp"

#include <iotc_ha/azure/dps.hpp>
#include <iotc_ha/core/poll_pace.hpp>
#include <iotc_ha/core/registration.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace iotc_ha::provisioning {

[[nodiscard]] Destination destination_of(const core::Registration& registration);
/// The register, with all but its authorization.
[[nodiscard]] Request register_of(const core::Registration& registration);

/// One question as it came from the loop.
struct Question {
  core::AttemptId attempt{};
  std::uint64_t serial = 0;  ///< of all attempts of a life
  core::Registration registration;
  Https::Clock::time_point deadline;
};

/// One attempt, from the register to the decision. For one thread.
class Attempt {
 public:
  using Tell = std::function<void(core::RegistrationNotice)>;

  /// Everything is borrowed. `tell` hears all but the end.
  Attempt(Https& https, core::PollPace& pace, const Question& question, const Https::Wanted& wanted, const Tell& tell)
      : https_(https),
        pace_(pace),
        question_(question),
        wanted_(wanted),
        tell_(tell),
        destination_(destination_of(question.registration)) {}

  [[nodiscard]] core::Result<azure::DpsAssigned> run();
  /// The same, when the register was sent already and this is what came of it.
  [[nodiscard]] core::Result<azure::DpsAssigned> run_on(const core::Result<Reply>& registered);

 private:
  core::Result<azure::DpsAnswer> next_answer(azure::DpsAssigning assigning);
  std::optional<core::Error> wait(std::chrono::seconds suggested);
  core::Result<azure::DpsAnswer> poll(const std::string& operation_id);

  Https& https_;
  core::PollPace& pace_;
  const Question& question_;
  const Https::Wanted& wanted_;
  const Tell& tell_;
  const Destination destination_;
  std::optional<core::Error> last_busy_;  ///< what the last poll was answered, while that was only that DPS is busy
};

}  // namespace iotc_ha::provisioning
