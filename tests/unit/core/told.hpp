#pragma once

#include <iotc_ha/core/supervisor.hpp>

#include <sstream>
#include <string>
#include <variant>
#include <vector>

/// Supervisors and effects as text that a reviewer can read.
namespace iotc_ha::core::test {

inline std::string seconds(std::chrono::microseconds duration) {
  std::ostringstream text;
  text << static_cast<double>(duration.count()) / 1e6 << "s";
  return text.str();
}

inline std::string told(const Effect& effect) {
  struct Visitor {
    std::string operator()(const effect::PrepareDps&) const { return "PrepareDps"; }
    std::string operator()(const effect::AskDps&) const { return "AskDps"; }
    std::string operator()(const effect::CancelDps&) const { return "CancelDps"; }
    std::string operator()(const effect::OpenSession& e) const { return "OpenSession(" + e.target.hub + ")"; }
    std::string operator()(const effect::CloseSession& e) const {
      return e.drain.count() > 0 ? "CloseSession" : "DropSession";
    }
    std::string operator()(const effect::Remember& e) const { return "Remember(" + e.remembered.assignment.hub + ")"; }
    std::string operator()(const effect::KeepStanding&) const { return "KeepStanding"; }
    std::string operator()(const effect::Announce&) const { return ""; }  // the state stands beside it
    std::string operator()(const effect::FailedOver& e) const { return "FailedOver(" + e.from + "," + e.to + ")"; }
    std::string operator()(const effect::End&) const { return "End"; }
  };
  return std::visit(Visitor{}, effect);
}

inline std::string told(const std::vector<Effect>& effects) {
  std::string text;
  for (const Effect& effect : effects) {
    const std::string one = told(effect);
    if (!one.empty()) text += (text.empty() ? "" : " ") + one;
  }
  return text;
}

inline std::string told(const State& state) {
  struct Visitor {
    std::string operator()(const state::Provisioning&) const { return "Provisioning"; }
    std::string operator()(const state::Connecting& s) const {
      const char* origins[] = {"remembered", "assigned", "renewal"};
      return "Connecting(" + s.target.hub + "," + origins[static_cast<int>(s.origin)] + ")";
    }
    std::string operator()(const state::Connected& s) const {
      return "Connected(" + s.at.hub + (s.suspected ? ",suspected)" : ")");
    }
    std::string operator()(const state::Reprovision& s) const {
      return "Reprovision(" + std::visit(*this, s.race) + ")";
    }
    std::string operator()(const state::Reprovision::HubAlone& s) const {
      return "try " + s.hub.target.hub + (s.dps_failed ? ",dps failed" : "");
    }
    std::string operator()(const state::Reprovision::Both& s) const { return "try " + s.hub.target.hub + "+dps"; }
    std::string operator()(const state::Reprovision::DpsAlone& s) const {
      return s.dps.avoid.empty() ? "dps" : "dps,not " + s.dps.avoid;
    }
    std::string operator()(const state::Backoff& s) const {
      return s.next == state::Backoff::Next::AskDps ? "Backoff(dps)" : "Backoff(hub)";
    }
    std::string operator()(const state::Halted&) const { return "Halted"; }
    std::string operator()(const state::Stopping& s) const { return s.session ? "Stopping(session)" : "Stopping"; }
  };
  return std::visit(Visitor{}, state);
}

}  // namespace iotc_ha::core::test
