#pragma once

#include "process.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::integration {

struct DpsStatus {
  std::string address;
  std::string state;
  std::uint64_t registrations = 0;
};
struct HubStatus {
  std::string name;
  std::string address;
  std::string state;
  std::uint64_t connections = 0;
  std::uint64_t refusals = 0;
  std::uint64_t telemetry = 0;
};
struct DeviceStatus {
  std::string id;
  std::string assigned;
  std::string connected_to;  ///< "" while it is not connected
  bool enabled = false;
  std::uint64_t registrations = 0;
  std::string model_id;
  std::uint64_t connections = 0;
  std::uint64_t expiry_cuts = 0;
  std::uint64_t clean_disconnects = 0;
  std::uint64_t c2d_queued = 0;
};
struct LizardStatus {
  bool ready = false;
  std::string id_scope;
  std::string group_key;
  std::string central_token;
  std::string ca_file;
  DpsStatus dps;
  std::vector<HubStatus> hubs;
  std::vector<DeviceStatus> devices;

  [[nodiscard]] const HubStatus& hub(const std::string& name) const;  ///< throws std::runtime_error
  /// A device that has never registered has all values at zero.
  [[nodiscard]] DeviceStatus device(const std::string& id) const;
};

/// One telemetry message as a hub received it.
struct Received {
  std::uint64_t seq = 0;  ///< the lizard's count over all hubs
  std::string hub;
  std::string device;
  std::string mid;
  std::map<std::string, std::string> properties;
  std::string body;     ///< JSON, as compact text
  std::string created;  ///< iothub-creation-time-utc
};

struct CommandAnswer {
  int status = 0;
  std::string payload;  ///< JSON, as compact text
};
struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// A direct method whose caller waits for its answer while the test goes on.
class CalledMethod {
 public:
  CalledMethod(const Command& command, const std::filesystem::path& output_prefix) : process_(command, output_prefix) {}

  [[nodiscard]] bool over() { return !process_.running(); }
  /// Wait for the end. Each throws std::runtime_error when it was the other one, or when none comes.
  [[nodiscard]] CommandAnswer answer();
  [[nodiscard]] std::string failure();  ///< what the cloud tells its caller instead of an answer

 private:
  [[nodiscard]] std::string said();
  Process process_;
};

/// The virtual Azure, driven by its own command line.
class Lizard {
 public:
  /// Starts it and waits until it is ready. Throws std::runtime_error.
  Lizard(const std::filesystem::path& folder, const std::string& network, const Command& options);

  [[nodiscard]] LizardStatus status() const;
  [[nodiscard]] DeviceStatus device(const std::string& id) const { return status().device(id); }
  [[nodiscard]] std::string address_of(const std::string& hub) const { return status().hub(hub).address; }
  void attack(const std::string& target, const std::string& how, const Command& options = {}) const;
  void revive(const std::string& target) const;
  void act(const Command& command) const;               ///< any other subcommand whose answer does not matter
  [[nodiscard]] Outcome try_to(Command command) const;  ///< the same for one that may fail

  [[nodiscard]] CommandAnswer command(const std::string& device, const std::string& name,
                                      const std::string& payload) const;
  [[nodiscard]] CalledMethod call(const std::string& device, const std::string& name, const std::string& payload) {
    return call_with({device, name, payload});
  }
  /// The payload is what stands in the file.
  [[nodiscard]] CalledMethod call_with_file(const std::string& device, const std::string& name,
                                            const std::string& file) {
    return call_with({device, name, "--file", file});
  }
  /// Sets desired properties; answers the version that they now have.
  std::uint64_t desired(const std::string& device, const std::string& json) const;
  /// What stands at a JSON pointer in the twin ("/reported/fanSpeed/value"), as compact JSON text; "" when nothing
  /// does.
  [[nodiscard]] std::string twin(const std::string& device, const std::string& pointer) const;
  /// Writes the configuration for a device, as `iotc-ha-lizard config` does.
  void write_config(const std::string& device, const std::filesystem::path& file) const;
  /// The call of `az iot central device ACTION`.
  [[nodiscard]] HttpAnswer central(const std::string& device, const std::string& action, const std::string& body) const;

  /// Everything that hubs have received so far, in the order of their receipt. Asks for what is new only.
  [[nodiscard]] const std::vector<Received>& telemetry();
  /// How many messages hubs have received so far: cheap, however many they are.
  [[nodiscard]] std::uint64_t telemetry_count() const;
  /// `$.mid` of each message, in the order of receipt: where there are too many to keep them.
  void for_each_mid(const std::function<void(std::string_view mid)>& visit) const;

  [[nodiscard]] std::string log() const { return process_->out() + process_->err(); }

 private:
  std::string answer(Command command) const;
  [[nodiscard]] CalledMethod call_with(const Command& arguments);
  /// Each line of `telemetry --json` after number `since`; `visit` answers the number of its own.
  void for_each_line(std::uint64_t since, const std::function<std::uint64_t(const std::string& line)>& visit) const;

  const std::filesystem::path state_dir_;
  std::unique_ptr<Process> process_;
  unsigned calls_ = 0;
  std::vector<Received> received_;
};

}  // namespace iotc_ha::integration
