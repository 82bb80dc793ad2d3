#pragma once

#include "caller.hpp"
#include "wait.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// A Commands1.Invoked that came to a program.
struct Invoked {
  std::uint64_t id = 0;
  std::string name;
  std::string component;
  std::string payload;
  bool durable = false;
};

/// Desired properties, as Twin1.DesiredChanged tells a program and GetDesired anyone.
struct Desired {
  std::string json;
  std::uint64_t version = 0;
};

/// A local program that looks after properties and commands. What is sent to it alone is kept; it answers nothing by
/// itself. Destroyed, it has left the bus without a word. Otherwise as a Caller.
class Claimer : public Caller {
 public:
  explicit Claimer(const std::string& bus_address);

  [[nodiscard]] Answer<void> report(const std::string& json_merge_patch);
  [[nodiscard]] Answer<std::string> reported();
  [[nodiscard]] Answer<Desired> desired();
  [[nodiscard]] Answer<std::vector<std::string>> unacknowledged();
  [[nodiscard]] Answer<void> claim_properties(const std::vector<std::string>& names);
  [[nodiscard]] Answer<void> acknowledge(const std::string& property, const std::string& json_value, int code,
                                         const std::string& description, std::uint64_t version);
  [[nodiscard]] Answer<void> claim_commands(const std::vector<std::string>& names);
  [[nodiscard]] Answer<void> complete(std::uint64_t id, int status, const std::string& json);

  // Everything that has come so far, oldest first.
  [[nodiscard]] const std::vector<Invoked>& invoked();
  [[nodiscard]] const std::vector<Desired>& desired_changes();
  [[nodiscard]] bool await_invoked(std::size_t count) {
    return eventually([&] { return invoked().size() >= count; });
  }
  [[nodiscard]] bool await_desired_changes(std::size_t count) {
    return eventually([&] { return desired_changes().size() >= count; });
  }

 private:
  void keep(sd_bus_message* message);
  [[nodiscard]] Answer<void> claim(const char* interface, const std::vector<std::string>& names);

  std::vector<Invoked> invoked_;
  std::vector<Desired> desired_changes_;
};

}  // namespace iotc_ha::integration
