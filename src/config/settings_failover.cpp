#include "setting.hpp"

namespace iotc_ha::config {
namespace {

using namespace std::chrono_literals;
using core::Policy;

/// Does not compile once Policy has a member that is not named here, and so perhaps not below.
[[maybe_unused]] void every_member_has_a_key(const Policy& policy) {
  [[maybe_unused]] const auto& [connect_timeout, remembered_timeout, dps_timeout, drain_timeout, head_start,
                                hub_patience, early_poll, dps_budget, suspect_after, silent_after, backoff_base,
                                backoff_max, dps_backoff_base, dps_backoff_max, same_hub_wait, same_hub_wait_max,
                                halted_wait, halted_wait_max, stable_after] = policy;
}

Setting profile() {
  Setting made;
  made.key = "failover.profile";
  made.meaning =
      "fast: for few devices and short interruptions; polite: for fleets that share one DPS; gives the numbers below "
      "their defaults";
  made.take = [](const Value& value, Draft& draft) -> std::optional<std::string> {
    auto name = one_of(value, {"fast", "polite"});
    if (!name) return std::move(name.error());
    draft.config.failover = *name == "polite" ? Policy::polite() : Policy::fast();
    draft.profile = *std::move(name);
    return std::nullopt;
  };
  made.show = [](const Draft& draft) -> Value { return draft.profile; };
  return made;
}

Setting number(std::string_view key, std::chrono::milliseconds Policy::*member, std::string_view meaning,
               std::chrono::milliseconds min = 100ms, std::chrono::milliseconds max = 24h) {
  return setting(
      key, within(min, max), [member](auto& c) -> auto& { return c.failover.*member; }, meaning);
}

void add_attempts(std::vector<Setting>& all) {
  all.push_back(number("failover.connect_timeout", &Policy::connect_timeout,
                       "how long an attempt on a hub that DPS has just named may take"));
  all.push_back(number("failover.remembered_timeout", &Policy::remembered_timeout,
                       "how long an attempt on the hub of the last session, which may be dead, may take"));
  all.push_back(number("failover.dps_timeout", &Policy::dps_timeout,
                       "how long DPS may take, from the registration to its decision"));
  // The daemon promises to stop within 5 s.
  all.push_back(number("failover.drain_timeout", &Policy::drain_timeout,
                       "how long the clean end of a session may take, with what is in flight", 100ms, 4s));
  all.push_back(number("failover.head_start", &Policy::head_start,
                       "how long a lost hub is tried before DPS is asked beside it; twice the usual time to connect if "
                       "that is more",
                       0ms, 1min));
  all.push_back(number("failover.hub_patience", &Policy::hub_patience,
                       "a lost hub that does not refuse is tried alone for so long, up to twice, before DPS is asked; "
                       "0s: for the head start",
                       0ms, 24h));
  all.push_back(setting(
      "failover.early_poll", boolean, [](auto& c) -> auto& { return c.failover.early_poll; },
      "whether DPS is asked for its decision after 0.3, 1 and 2.5 s, sooner than it suggests and "
      "within its limit"));
  all.push_back(setting(
      "failover.dps_budget", [](const Value& value) { return count(value, 1, 3600); },
      [](auto& c) -> auto& { return c.failover.dps_budget; },
      "registrations at DPS per hour in the long run that no failure can exceed, as many at once after a quiet "
      "hour; an operator can exceed it"));
  all.push_back(number("failover.suspect_after", &Policy::suspect_after,
                       "an answer of the hub that is later than usual by this, or more on an unsteady link, makes the "
                       "hub suspect: it is probed"));
  all.push_back(number("failover.silent_after", &Policy::silent_after,
                       "a hub that owes an answer for so long, or longer on a slow link, counts as dead"));
}

void add_waits(std::vector<Setting>& all) {
  all.push_back(number("failover.backoff_base", &Policy::backoff_base,
                       "the first wait between attempts is a random time up to this; it doubles"));
  all.push_back(number("failover.backoff_max", &Policy::backoff_max, "the longest wait between attempts"));
  all.push_back(number("failover.dps_backoff_base", &Policy::dps_backoff_base,
                       "the first wait before DPS is asked again is a random time up to this; it doubles"));
  all.push_back(
      number("failover.dps_backoff_max", &Policy::dps_backoff_max, "the longest wait before DPS is asked again"));
  all.push_back(number("failover.same_hub_wait", &Policy::same_hub_wait,
                       "the first wait when DPS has named the hub that has just refused; it doubles"));
  all.push_back(number("failover.same_hub_wait_max", &Policy::same_hub_wait_max,
                       "the longest wait when DPS keeps naming that hub"));
  all.push_back(number("failover.halted_wait", &Policy::halted_wait,
                       "the first wait when only an operator can mend it; it doubles"));
  all.push_back(number("failover.halted_wait_max", &Policy::halted_wait_max, "the longest wait for an operator"));
  all.push_back(number("failover.stable_after", &Policy::stable_after,
                       "a session that lasts so long starts all these waits anew"));
}

}  // namespace

void add_failover(std::vector<Setting>& all) {
  all.push_back(profile());
  add_attempts(all);
  add_waits(all);
}

}  // namespace iotc_ha::config
