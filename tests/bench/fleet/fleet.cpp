#include "fleet.hpp"

#include <algorithm>

namespace iotc_ha::bench {
namespace {

using namespace std::chrono_literals;
using Kind = Happening::Kind;

// Round trips until the answer: TCP, TLS 1.3, and the request.
constexpr int k_trips_to_answer = 3;

}  // namespace

std::chrono::duration<double> Scenario::limit() const {
  using Seconds = std::chrono::duration<double>;
  const double connects = static_cast<double>(devices - connections_per_second) / connections_per_second;
  if (disaster == Disaster::HubRestarts) return down + Seconds{connects};
  const double registrations = static_cast<double>(devices - registrations_per_minute) / registrations_per_minute * 60;
  return Seconds{std::max(registrations, connects)};
}

Fleet::Fleet(const Scenario& scenario, const Make& make)
    : scenario_(scenario),
      registrations_(scenario.devices),
      lots_(scenario.seed),
      dps_(scenario.counting, scenario.registrations_per_minute),
      hub_(scenario.connections_per_second) {
  devices_.reserve(scenario.devices);
  for (std::uint32_t i = 0; i < scenario.devices; ++i) devices_.push_back(make());
}

double Fleet::chance() { return static_cast<double>(lots_() >> 11) * 0x1p-53; }

Outcome Fleet::run() && {
  for (std::uint32_t i = 0; i < scenario_.devices; ++i) {
    // The resets need their way too.
    const auto way = std::chrono::round<std::chrono::microseconds>(chance() * scenario_.round_trip);
    agenda_.push({k_disaster + way, i, 0, Kind::SessionLost, Hub::Lost});
  }
  while (connected_ < scenario_.devices && !agenda_.empty()) {
    const Happening next = agenda_.pop();
    if (next.at > k_disaster + scenario_.at_most) break;
    sample_until(next.at);
    now_ = next.at;
    happen(next);
  }
  sample_until(now_ + k_sample);
  return std::move(outcome_);
}

void Fleet::happen(const Happening& happening) {
  if (happening.kind == Kind::PollDue) return poll(happening);
  Device& device = *devices_[happening.device];
  const bool before = device.connected();
  device.on(happening, *this);
  if (happening.kind == Kind::SessionLost || device.connected() == before) return;
  device.connected() ? ++connected_ : --connected_;
  const auto note = [&](std::optional<std::chrono::duration<double>>& when, std::uint32_t many) {
    if (!when && connected_ >= many) when = now_ - k_disaster;
  };
  note(outcome_.half, scenario_.devices / 2);
  note(outcome_.most, scenario_.devices - scenario_.devices / 100);
  note(outcome_.all, scenario_.devices);
}

void Fleet::sample_until(Instant moment) {
  while (k_disaster + outcome_.connected.size() * k_sample <= moment) {
    outcome_.connected.push_back(connected_);
    outcome_.asked.push_back(0);
  }
}

Instant Fleet::wake(std::uint32_t device, std::uint32_t attempt, Instant at) {
  return agenda_.push({at, device, attempt, Kind::Woken, Hub::Lost});
}

void Fleet::answer(const Happening& to, Kind kind, std::chrono::microseconds after, Hub hub) {
  agenda_.push({now_ + after, to.device, to.attempt, kind, hub});
}

void Fleet::connect(std::uint32_t device, std::uint32_t attempt, Hub hub) {
  ++outcome_.connects;
  const Happening asked{now_, device, attempt, Kind::Opened, hub};
  const bool lives = scenario_.disaster == Scenario::Disaster::HubRestarts
                         ? hub == Hub::Lost && now_ >= k_disaster + scenario_.down
                         : hub == Hub::Other;
  if (!lives) return answer(asked, Kind::Unreachable, scenario_.round_trip);
  const auto answered = k_trips_to_answer * scenario_.round_trip;
  if (!hub_.take(now_)) {
    const bool closes = scenario_.when_full == Scenario::WhenFull::Closes;
    return answer(asked, closes ? Kind::HubFull : Kind::HubRefuses, answered);
  }
  ++outcome_.connects_taken;
  answer(asked, Kind::Opened, answered);
}

void Fleet::ask_dps(std::uint32_t device, std::uint32_t attempt, Polls polls,
                    std::optional<std::chrono::milliseconds> repeats_after) {
  ++outcome_.registers;
  ++outcome_.asked.back();
  const Happening asked{now_, device, attempt, Kind::Throttled, Hub::Lost};
  const auto answered = k_trips_to_answer * scenario_.round_trip;
  if (!dps_.take(now_)) {
    return repeats_after ? answer(asked, Kind::Woken, answered + *repeats_after)
                         : answer(asked, Kind::Throttled, answered);
  }
  ++outcome_.registers_taken;
  // DPS has mostly decided at once, and needs some seconds now and then.
  const bool at_once = chance() < 0.9;
  const auto takes = at_once ? 200ms : std::chrono::round<std::chrono::milliseconds>(chance() * 5s);
  registrations_[device] = {attempt, 0, now_ + answered, now_ + answered + takes, polls};
  agenda_.push({next_poll(registrations_[device]), device, attempt, Kind::PollDue, Hub::Lost});
}

/// As core::PollPace has it; no device gets near the limit of 5 polls in 10 s here.
Instant Fleet::next_poll(const Registration& registration) const {
  constexpr std::array k_early{300ms, 1'000ms, 2'500ms};
  const auto made = registration.polls_made;
  const Instant since = registration.answered_at;
  switch (registration.polls) {
    case Polls::Early:
      return made < k_early.size() ? since + k_early.at(made) : since + k_early.back() + (made - 2) * 3s;
    case Polls::AsTold: return since + (made + 1) * 3s;
    case Polls::EveryTwoSeconds: return since + (made + 1) * 2s;
  }
  return since;
}

void Fleet::poll(const Happening& due) {
  Registration& registration = registrations_[due.device];
  if (registration.attempt != due.attempt) return;
  ++outcome_.polls;
  ++registration.polls_made;
  const bool dies = scenario_.disaster == Scenario::Disaster::HubDies;
  if (now_ >= registration.decided_at) {
    return answer(due, Kind::Assigned, scenario_.round_trip, dies ? Hub::Other : Hub::Lost);
  }
  agenda_.push({next_poll(registration), due.device, due.attempt, Kind::PollDue, Hub::Lost});
}

}  // namespace iotc_ha::bench
