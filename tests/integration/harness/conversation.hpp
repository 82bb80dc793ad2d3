#pragma once

#include "claimer.hpp"
#include "scene.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// What the tests of properties and commands begin with: a device without telemetry and battery of its own, so that
/// whatever stands in the twin is what programs and the cloud have said, and with short waits.
class Conversation : public Scene {
 protected:
  /// Until the daemon is connected to hub-a and answers programs.
  void begin_conversation(const Command& lizard_options = {}) { begin_for_callers(k_short_waits, lizard_options); }
  [[nodiscard]] std::unique_ptr<Claimer> new_claimer() { return std::make_unique<Claimer>(bus().address()); }
  /// As new_claimer(), with what it claims; throws std::runtime_error when it may not.
  [[nodiscard]] std::unique_ptr<Claimer> claimer_of_properties(const std::vector<std::string>& names);
  [[nodiscard]] std::unique_ptr<Claimer> claimer_of_commands(const std::vector<std::string>& names);

  /// No hub is alive, and the daemon has noticed.
  void lose_all_hubs();
  /// Another life of the daemon begins, until it is connected to `hub` and answers programs.
  void restart_killed_daemon(const std::string& hub);
  /// Queues a C2D message for a command, with the id or a new one.
  void send_c2d(const std::string& name, const std::string& body, const std::string& message_id = "");
  [[nodiscard]] bool await_no_c2d_queued() {
    return eventually([this] { return lizard().device(k_device).c2d_queued == 0; });
  }

  /// At a JSON pointer in the reported part of the twin; "" when nothing is.
  [[nodiscard]] std::string reported(const std::string& pointer) {
    return lizard().twin(k_device, "/reported" + pointer);
  }
  [[nodiscard]] bool await_reported(const std::string& pointer, const std::string& json) {
    return eventually([&] { return reported(pointer) == json; });
  }
  /// How many reported patches the twin has taken, and one.
  [[nodiscard]] std::uint64_t reported_version() { return std::stoull(reported("/$version")); }

  /// The name of an error, "well" without one.
  template <typename T>
  [[nodiscard]] static std::string name_of(const Answer<T>& answer) {
    return answer ? "well" : answer.error().name;
  }
  static inline const std::string k_error = "io.github.iotc_ha.Error.";

 private:
  static constexpr const char* k_short_waits = "[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\n";
};

}  // namespace iotc_ha::integration
