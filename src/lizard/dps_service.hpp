#pragma once

#include "cloud.hpp"
#include "http.hpp"
#include "settings.hpp"

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace iotc_ha::lizard {

/// The Device Provisioning Service: register, poll, look up (azure-protocol §2.1). No thread and no clock; callers
/// lock.
class DpsService {
 public:
  DpsService(const Settings& settings, Cloud& cloud) : settings_(settings), cloud_(cloud) {}

  [[nodiscard]] HttpAnswer answer(const HttpRequest& request, core::WallTime now);

  /// Answers 429 with this Retry-After until `until`, or until unthrottle().
  void throttle(std::chrono::seconds retry_after, std::optional<core::WallTime> until);
  void unthrottle() { throttled_.reset(); }
  [[nodiscard]] bool is_throttled(core::WallTime now) const;
  /// Answers 503.
  void refuse(bool on) { refusing_ = on; }
  [[nodiscard]] bool is_refusing() const noexcept { return refusing_; }
  /// True when the token is good now for registering under this id.
  [[nodiscard]] bool accepts(const std::string& scope, const std::string& registration_id, const std::string& token,
                             core::WallTime now) const;

  [[nodiscard]] std::uint64_t registrations() const noexcept { return registrations_; }
  [[nodiscard]] std::uint64_t polls() const noexcept { return polls_; }

 private:
  struct Throttle {
    std::chrono::seconds retry_after;
    std::optional<core::WallTime> until;
  };
  struct Operation {
    std::string registration_id;
    unsigned assigning_left = 0;
  };
  struct Route {
    std::string scope;
    std::string registration_id;
    std::string rest;  ///< "register", "operations/{id}" or ""
  };

  [[nodiscard]] static std::optional<Route> route_of(std::string_view path);
  HttpAnswer start(const Route& route, const HttpRequest& request, core::WallTime now);
  HttpAnswer poll(const Route& route, const std::string& operation_id, core::WallTime now);
  HttpAnswer look_up(const Route& route, core::WallTime now) const;
  HttpAnswer assigning(const std::string& operation_id, const Route& route) const;
  HttpAnswer decided(const std::string& operation_id, const std::string& id, core::WallTime now);

  const Settings& settings_;
  Cloud& cloud_;
  std::optional<Throttle> throttled_;
  bool refusing_ = false;
  std::map<std::string, Operation> operations_;
  std::deque<std::string> operation_order_;
  std::map<std::string, std::deque<core::WallTime>> recent_polls_;
  std::uint64_t registrations_ = 0;
  std::uint64_t polls_ = 0;
};

}  // namespace iotc_ha::lizard
