#include "responder.hpp"

#include "json.hpp"
#include "text.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/mqtt.hpp>

#include <system_error>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr int k_done = 200;
constexpr int k_begun = 202;  ///< also as an exit status
constexpr int k_failed = 500;
constexpr int k_late = 504;

}  // namespace

Responder::Responder(std::string program, std::string file, std::chrono::seconds timeout, int interrupt)
    : program_(std::move(program)), file_(std::move(file)), timeout_(timeout), interrupt_(interrupt) {}

std::optional<azure::Acknowledgement> Responder::answer(const Wanted& wanted) const {
  const azure::CommandName name = azure::split_command_name(wanted.name);
  auto outcome = run({"IOTC_HA_KIND=property", "IOTC_HA_NAME=" + name.name, "IOTC_HA_COMPONENT=" + name.component,
                      "IOTC_HA_VERSION=" + std::to_string(wanted.version)},
                     wanted.json_value);
  if (!outcome) return std::nullopt;
  if (outcome->json.empty()) outcome->json = wanted.json_value;
  return azure::Acknowledgement{wanted.name, std::move(outcome->json), outcome->code, wanted.version,
                                std::move(outcome->failure)};
}

std::optional<Completion> Responder::answer(const core::Invocation& command) const {
  auto outcome = run({"IOTC_HA_KIND=command", "IOTC_HA_NAME=" + command.name, "IOTC_HA_COMPONENT=" + command.component,
                      std::string("IOTC_HA_DURABLE=") + (command.durable ? "1" : "0")},
                     command.payload);
  if (!outcome) return std::nullopt;
  if (!outcome->failure.empty()) outcome->json = JsonObject().add("error", outcome->failure).text();
  return Completion{outcome->code, outcome->json.empty() ? "null" : std::move(outcome->json)};
}

azure::Acknowledgement Responder::refused(const Wanted& wanted, const Failure& why) const {
  return {wanted.name, wanted.json_value, k_failed, wanted.version, blame(why)};
}

Completion Responder::refused(const core::Invocation& /*command*/, const Failure& why) const {
  return {k_failed, JsonObject().add("error", blame(why)).text()};
}

std::string Responder::blame(const Failure& why) const {
  return program_ + " printed what the daemon refuses: " + why.name + ": " + why.text;
}

std::optional<Responder::Outcome> Responder::run(const std::vector<std::string>& environment,
                                                 const std::string& input) const {
  const Ended ended = run_program(file_, environment, input, timeout_, interrupt_);
  if (ended.how == Ended::How::Interrupted) return std::nullopt;
  return outcome_of(ended);
}

Responder::Outcome Responder::outcome_of(const Ended& ended) const {
  const auto failed = [&](int code, const std::string& how) { return Outcome{code, "", program_ + " " + how}; };
  switch (ended.how) {
    case Ended::How::Late: return failed(k_late, "was not done in " + show_duration(timeout_));
    case Ended::How::TooMuch: return failed(k_failed, "printed more than " + show_bytes(k_output_max));
    case Ended::How::Killed: return failed(k_failed, "was killed by signal " + std::to_string(ended.status));
    case Ended::How::NotStarted:
      return failed(k_failed, "could not be started: " + std::generic_category().message(ended.status));
    case Ended::How::NotWatched:
      return failed(k_failed, "cannot be watched: pidfd_open: " + std::generic_category().message(ended.status));
    case Ended::How::Lost:
      return failed(k_failed,
                    "has ended, and it is not known how: waitpid: " + std::generic_category().message(ended.status));
    case Ended::How::Interrupted:
    case Ended::How::Exited: break;
  }
  if (ended.status != 0 && ended.status != k_begun) {
    return failed(k_failed, "exited with status " + std::to_string(ended.status));
  }
  const int code = ended.status == k_begun ? k_begun : k_done;
  if (ended.output.find_first_not_of(" \t\r\n") == std::string::npos) return {code, "", ""};
  auto json = azure::compact_json(ended.output);
  if (!json) return failed(k_failed, "printed what is not one JSON value: " + json.error().what);
  if (!fits_d_bus(*json)) return failed(k_failed, "printed a character that D-Bus does not carry");
  return {code, std::move(*json), ""};
}

}  // namespace iotc_ha::cli
