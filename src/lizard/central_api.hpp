#pragma once

#include "cloud.hpp"
#include "http.hpp"
#include "settings.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <variant>

namespace iotc_ha::lizard {

/// A direct method that IoT Central was asked to call.
struct CommandOrder {
  std::string id;  ///< of this execution
  std::string device;
  std::string method;   ///< `component*command` for one of a component
  std::string request;  ///< JSON
  std::chrono::seconds connection_timeout{0};
  std::chrono::seconds response_timeout{30};
};

/// IoT Central's public interface, api-version 2022-07-31, as far as it drives devices: devices, credentials,
/// properties, commands, the last value of telemetry. Properties and telemetry are not held against a template. No
/// thread and no clock; callers lock.
class CentralApi {
 public:
  CentralApi(const Settings& settings, Cloud& cloud) : settings_(settings), cloud_(cloud) {}
  [[nodiscard]] static bool owns(const std::string& path) { return path == "/api" || path.starts_with("/api/"); }
  /// The answer; or what a device is to be asked first, whose outcome completed() makes the answer of.
  [[nodiscard]] std::variant<HttpAnswer, CommandOrder> answer(const HttpRequest& request, core::WallTime now);
  [[nodiscard]] HttpAnswer completed(const CommandOrder& order, const core::Result<CommandAnswer>& outcome,
                                     core::WallTime now);

 private:
  /// `/api/devices/{device}[/components/{component}]/{what}[/{name}]`
  struct Route {
    std::string device;
    std::string component;
    std::string what;
    std::string name;
  };

  [[nodiscard]] static core::Result<Route> route_of(const std::string& path);
  [[nodiscard]] HttpAnswer list() const;
  [[nodiscard]] HttpAnswer device(const Device& device, const HttpRequest& request, core::WallTime now);
  [[nodiscard]] HttpAnswer credentials(const Device& device) const;
  [[nodiscard]] HttpAnswer properties(const Device& device, const Route& route, const HttpRequest& request,
                                      core::WallTime now);
  [[nodiscard]] HttpAnswer telemetry(const Route& route, core::WallTime now) const;
  [[nodiscard]] HttpAnswer last_command(const Route& route) const;
  [[nodiscard]] std::variant<HttpAnswer, CommandOrder> command(const Device& device, const Route& route,
                                                               const HttpRequest& request, core::WallTime now);
  void remember(const std::string& device, const std::string& method, std::string execution);

  const Settings& settings_;
  Cloud& cloud_;
  /// The last execution of each command, by device and method: JSON.
  std::map<std::pair<std::string, std::string>, std::string> executions_;
};

}  // namespace iotc_ha::lizard
