#pragma once

#include "cloud.hpp"
#include "http.hpp"
#include "settings.hpp"

#include <iotc_ha/core/time.hpp>

namespace iotc_ha::lizard {

/// The two calls of IoT Central that `az iot central device manual-failover` and `manual-failback` make
/// (azure-protocol §5). No thread and no clock; callers lock.
class CentralService {
 public:
  CentralService(const Settings& settings, Cloud& cloud) : settings_(settings), cloud_(cloud) {}
  [[nodiscard]] static bool owns(const std::string& path) { return path.starts_with("/system/iothub/"); }
  [[nodiscard]] HttpAnswer answer(const HttpRequest& request, core::WallTime now);

 private:
  HttpAnswer fail_over(const std::string& device, const std::string& body, core::WallTime now);
  HttpAnswer fail_back(const std::string& device, core::WallTime now);

  const Settings& settings_;
  Cloud& cloud_;
};

}  // namespace iotc_ha::lizard
