#pragma once

#include <iotc_ha/core/policy.hpp>
#include <iotc_ha/core/secret.hpp>

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// `/etc/iotc-ha.conf` and what it says. Values are checked here, once; nobody after this room checks them again.
namespace iotc_ha::config {

/// One fault of a configuration. All of them are found in one run.
struct Fault {
  std::string file;      ///< as it was opened
  unsigned line = 0;     ///< 1-based; 0 when the fault is that something is missing from the file
  std::string key;       ///< dotted, e.g. "provisioning.id_scope"; "" for a syntax error
  std::string expected;  ///< what is wrong and what was expected, one line, never a secret's text
  friend bool operator==(const Fault&, const Fault&) = default;
};
/// `FILE:LINE: KEY: EXPECTED`
[[nodiscard]] std::string to_string(const Fault& fault);

struct GroupKey {
  core::Secret base64;
};  ///< the device key is derived from it
struct DeviceKey {
  core::Secret base64;
};  ///< individual enrolment
using Attestation = std::variant<GroupKey, DeviceKey>;

struct Device {
  std::string id;
  std::string model_id;
};
struct Provisioning {
  std::string id_scope;
  Attestation attestation;
  std::string host;
  enum class Transport : std::uint8_t { Https, Mqtt, WebSocket } transport = Transport::Https;
  std::uint16_t port = 443;  ///< that of the transport unless it was set: 443, 8883, 443
};
struct Hub {
  enum class Transport : std::uint8_t { Mqtt, WebSocket, Auto } transport = Transport::Mqtt;
  std::chrono::seconds keep_alive{12};
  std::chrono::seconds token_life{3600};
  std::filesystem::path ca_file;  ///< empty: the system's trust store. Also for DPS
  std::string proxy;              ///< "http://[user:password@]host:port", empty for none. Also for DPS
};
struct Spool {
  std::uint64_t max_bytes = 256ULL << 20U;
  std::chrono::seconds max_age{std::chrono::hours{24 * 30}};
  enum class WhenFull : std::uint8_t { DropOldest, Reject } when_full = WhenFull::DropOldest;
  std::chrono::seconds replay_window{0};  ///< zero: nothing is sent again after a failover
};
struct Sample {
  bool telemetry_send = true;
  std::chrono::milliseconds telemetry_period{5000};
  bool reported_property_send = true;
  std::chrono::milliseconds reported_property_period{15000};
  bool desired_property_receive = true;
  bool direct_method_receive = true;
  bool c2d_command_receive = true;
};
struct Log {
  std::string level = "info";  ///< one of spdlog's: trace debug info warning error critical off
};
struct Config {
  Device device;
  Provisioning provisioning;
  Hub hub;
  core::Policy failover;
  Spool spool;
  Sample sample;
  Log log;
};

/// Where a configuration comes from.
struct Sources {
  std::filesystem::path file;  ///< drop-ins are `{file}.d/*.conf`, in the order of their names; a later value wins
  /// `$CREDENTIALS_DIRECTORY`: a file in it named like a secret's key (`group_symmetric_key`, `symmetric_key`) wins
  /// over the key in the file.
  std::optional<std::filesystem::path> credentials_directory;
};
/// Reads and checks everything. Either a whole Config, or every fault that there is, in the order of files and lines.
[[nodiscard]] tl::expected<Config, std::vector<Fault>> load(const Sources& sources);

/// Every setting of the configuration as it is in force: `KEY = VALUE`, where the value came from (file and line, a
/// credential, the profile, or the default), and what it means. No secret. It reads as a configuration file.
struct Description {
  std::string text;
  std::vector<Fault> faults;  ///< as load() tells them; a setting whose value is at fault is described with its default
};
[[nodiscard]] Description describe(const Sources& sources);

}  // namespace iotc_ha::config
