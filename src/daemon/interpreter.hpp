#pragma once

#include "settings.hpp"

#include <iotc_ha/bus/service.hpp>
#include <iotc_ha/core/registration.hpp>
#include <iotc_ha/core/status.hpp>
#include <iotc_ha/core/supervisor.hpp>
#include <iotc_ha/courier/client.hpp>
#include <iotc_ha/hub/registrar.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace iotc_ha::daemon {

/// Does what the core has decided: one visit over core::Effect, and nothing else. Loop thread.
class Interpreter {
 public:
  /// What it works with; owned by the agent, which outlives it.
  struct Tools {
    runtime::Loop& loop;
    runtime::Journal& journal;
    hub::Sessions& sessions;
    courier::Client& dps;       ///< over HTTPS
    hub::Registrar& registrar;  ///< the same over MQTT
    spool::Store& store;
    bus::Service& bus;
    const Settings& settings;                    ///< always those in force
    std::function<void(core::Event)> tell_core;  ///< for an effect that fails on the spot; called later, from the loop
    std::function<void()> end;
  };
  explicit Interpreter(Tools tools) : tools_(std::move(tools)) {}

  void act(const core::Effect& effect);

  /// The transitions so far, newest first. The last `k_history_max` are kept.
  [[nodiscard]] std::vector<core::HistoryEntry> history(std::uint32_t max) const;

  static constexpr std::size_t k_history_max = 1000;

 private:
  void act(const core::effect::PrepareDps& effect);
  void act(const core::effect::AskDps& effect);
  void act(const core::effect::CancelDps& effect);
  void act(const core::effect::OpenSession& effect);
  void act(const core::effect::CloseSession& effect);
  void act(const core::effect::Remember& effect);
  void act(const core::effect::KeepStanding& effect);
  void act(const core::effect::Announce& effect);
  void act(const core::effect::FailedOver& effect);
  void act(const core::effect::End& effect);
  /// What is asked of DPS, with a fresh token.
  [[nodiscard]] core::Result<core::Registration> registration(std::chrono::milliseconds timeout, bool early_poll) const;

  Tools tools_;
  std::deque<core::HistoryEntry> history_;  ///< newest first
};

}  // namespace iotc_ha::daemon
