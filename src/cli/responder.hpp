#pragma once

#include "daemon.hpp"
#include "program.hpp"

#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/core/command.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace iotc_ha::cli {

/// A desired property that wants an answer.
struct Wanted {
  std::string name;  ///< "component*name" when it is of a component
  std::string json_value;
  std::uint64_t version = 0;
};
struct Completion {
  std::int32_t status = 0;
  std::string json;
};

/// Has a program answer, once for each: its input is the JSON value, what it prints is the answer, and its exit status
/// says how it went. Nothing when `interrupt` could be read first.
class Responder {
 public:
  Responder(std::string program, std::string file, std::chrono::seconds timeout, int interrupt);

  [[nodiscard]] std::optional<azure::Acknowledgement> answer(const Wanted& wanted) const;
  [[nodiscard]] std::optional<Completion> answer(const core::Invocation& command) const;

  /// What to answer when the daemon refuses what the program answered.
  [[nodiscard]] azure::Acknowledgement refused(const Wanted& wanted, const Failure& why) const;
  [[nodiscard]] Completion refused(const core::Invocation& command, const Failure& why) const;

 private:
  struct Outcome {
    int code = 200;
    std::string json;     ///< "" for nothing
    std::string failure;  ///< "" when all went well
  };
  [[nodiscard]] std::optional<Outcome> run(const std::vector<std::string>& environment, const std::string& input) const;
  [[nodiscard]] Outcome outcome_of(const Ended& ended) const;
  [[nodiscard]] std::string blame(const Failure& why) const;

  const std::string program_;  ///< as the user named it
  const std::string file_;
  const std::chrono::seconds timeout_;
  const int interrupt_;
};

}  // namespace iotc_ha::cli
