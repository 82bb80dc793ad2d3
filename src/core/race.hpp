#pragma once

#include "decision.hpp"

#include <optional>
#include <string>

/// The race between the remembered hub and DPS that follows a lost session. Private to the room.
namespace iotc_ha::core {

/// The session is lost, or a wait is over: the hub is tried at once, and DPS is asked beside it after the hub's head
/// start, or at once too.
void start_race(const std::string& why, const Assignment& target, const std::optional<Error>& cause, bool dps_at_once,
                Decision& d);

/// What happens in a race, whatever its stage. A reload and the stop are the supervisor's.
void race_on(const state::Reprovision& now, const Event& event, Decision& d);

/// DPS gets no answer heard any more, and the hub's attempt, if there is one, is left to the caller to close.
[[nodiscard]] std::optional<AttemptId> call_off(const state::Reprovision& now, Decision& d);

[[nodiscard]] Error timed_out(const std::string& what);

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};
template <typename... F>
Overload(F...) -> Overload<F...>;

/// For events that mean nothing in a state: answers of attempts that are over, a deadline that has moved, or wishes
/// that are being fulfilled already.
inline constexpr auto k_nothing = [](const auto& /*event*/) {};

}  // namespace iotc_ha::core
