#pragma once

#include <iotc_ha/bus/service.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// What stands behind Telemetry1 in these tests: it checks messages as the daemon does, and keeps them in memory. For
/// the loop's thread, once it is served.
class Shelf {
 public:
  /// Sets what Telemetry1 asks for. We live longer.
  void serve(Requests& requests);

  std::vector<core::Submission> messages;
  core::SpoolFigures figures;
  core::Result<std::vector<core::Account>> accounts;
  std::optional<core::Error> refusal;  ///< what every call is refused with
  std::uint64_t refuse_from = 0;       ///< from how many messages on; those before are taken
  bool hold = false;                   ///< answers wait in `held`
  std::vector<std::function<void()>> held;
  struct Flush {
    std::uint64_t sequence;
    std::chrono::microseconds timeout;
    Answer<void> answer;
  };
  std::vector<Flush> flushes;      ///< unanswered
  std::vector<std::size_t> calls;  ///< how many messages each had
  std::uint64_t last_sequence = 0;

 private:
  void submit(std::vector<core::Submission> submissions, const Answer<core::Sequences>& answer);
  core::Result<core::Sequences> take(std::vector<core::Submission> submissions);
};

}  // namespace iotc_ha::bus
