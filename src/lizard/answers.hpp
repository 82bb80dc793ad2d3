#pragma once

#include "control.hpp"
#include "lizard.hpp"

#include <string>

namespace iotc_ha::lizard {

/// Answers the commands that come over the control socket. A request: `{"command":"attack","target":"hub-a",…}`; the
/// answer is an object, lines of them for `telemetry` and `events`, or `{"error":"…"}`.
class Answers {
 public:
  explicit Answers(Lizard& lizard) : lizard_(lizard) {}
  /// On any thread. Returns when the command is done, or when the asker of one that follows has gone.
  void answer(const std::string& request, Reply& reply);

 private:
  Lizard& lizard_;
};

}  // namespace iotc_ha::lizard
