#pragma once

#include "cloud.hpp"
#include "dps_service.hpp"
#include "link.hpp"
#include "settings.hpp"

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {

/// DPS over MQTT (azure-protocol §2.2): what devices say on its topics is put to the DPS service as the HTTPS request
/// that it stands for, so that both ways are decided alike. No thread and no clock; callers lock.
class DpsMqtt {
 public:
  DpsMqtt(const Settings& settings, Cloud& cloud, DpsService& dps) : settings_(settings), cloud_(cloud), dps_(dps) {}

  /// What the plugin in DPS's mosquitto says.
  void receive(const Frame& frame, core::WallTime now);
  /// Closes all connections.
  void drop_sessions() { orders_.push_back({.kind = FrameKind::KickAll}); }
  /// The mosquitto process has ended, or its connections have been reset.
  void sessions_lost() { sessions_.clear(); }
  /// What the mosquitto is to do since the last call, in this order.
  [[nodiscard]] std::vector<Frame> take_orders() { return std::exchange(orders_, {}); }

 private:
  struct Session {
    std::string scope;
    std::string registration_id;
    std::string api_version;
    std::string token;
    bool subscribed = false;
  };

  void connect(const Frame& frame, core::WallTime now);
  void published(const Session& session, const Frame& frame, core::WallTime now);

  const Settings& settings_;
  Cloud& cloud_;
  DpsService& dps_;
  std::map<std::uint64_t, Session> sessions_;  ///< by connection
  std::vector<Frame> orders_;
};

}  // namespace iotc_ha::lizard
