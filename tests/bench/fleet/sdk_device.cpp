#include "sdk_device.hpp"

#include <algorithm>
#include <cmath>

namespace iotc_ha::bench {

using namespace std::chrono_literals;

// The numbers are those of the SDKs' sources, retry policies and provisioning clients, with the samples on top.

/// The sample asks DPS again from the callback for every change of the connection, whatever it was.
SdkPolicy SdkPolicy::c() { return {1s, 30s, 0, 0.05, true, 0s, 1s, 60s, Polls::AsTold}; }
/// ExponentialBackOffWithJitter, up to 4 minutes; then the sample's handler connects anew, beginning with DPS.
SdkPolicy SdkPolicy::node() { return {100ms, 10s, -0.5, -0.25, false, 240s, 2s, 30s, Polls::AsTold}; }
SdkPolicy SdkPolicy::python() { return {10s, 10s, 0, 0, false, 0s, 2s, 30s, Polls::EveryTwoSeconds}; }
/// The provisioning client throws when it is throttled.
SdkPolicy SdkPolicy::csharp() { return {100ms, 10s, -0.2, 0.2, false, 0s, 0s, 0s, Polls::AsTold}; }

void SdkDevice::on(const Happening& happening, Fleet& fleet) {
  using Kind = Happening::Kind;
  if (happening.kind != Kind::SessionLost && happening.attempt != attempt_) return;
  const std::uint32_t device = happening.device;
  switch (happening.kind) {
    case Kind::SessionLost:
      connected_ = false;
      failing_since_ = fleet.now();
      return policy_.hub_alone > 0s ? connect(device, fleet) : ask_dps(device, fleet);
    case Kind::Woken: return next_ == Next::AskDps ? ask_dps(device, fleet) : connect(device, fleet);
    case Kind::Opened:
      connected_ = true;
      waits_ = 0;
      return;
    case Kind::Unreachable:
    case Kind::HubFull:
    case Kind::HubRefuses: return hub_failed(device, fleet);
    case Kind::Throttled: return wait(Next::AskDps, device, fleet);
    case Kind::Assigned:
      hub_ = happening.hub;
      within_call_ = false;
      failing_since_ = fleet.now();
      return connect(device, fleet);
    case Kind::PollDue: return;
  }
}

void SdkDevice::ask_dps(std::uint32_t device, Fleet& fleet) {
  if (!within_call_) asked_at_ = fleet.now();
  within_call_ = fleet.now() < asked_at_ + policy_.throttled_for;
  std::optional<std::chrono::milliseconds> repeats_after;
  if (within_call_) repeats_after = fleet.scenario().retry_after.value_or(policy_.throttled_wait);
  next_ = Next::AskDps;
  fleet.ask_dps(device, ++attempt_, policy_.polls, repeats_after);
}

void SdkDevice::connect(std::uint32_t device, Fleet& fleet) { fleet.connect(device, ++attempt_, hub_); }

void SdkDevice::hub_failed(std::uint32_t device, Fleet& fleet) {
  const bool again = fleet.now() < failing_since_ + policy_.hub_alone;
  wait(again ? Next::Connect : Next::AskDps, device, fleet);
}

void SdkDevice::wait(Next next, std::uint32_t device, Fleet& fleet) {
  const double max = static_cast<double>(policy_.max.count());
  const double jitter = 1 + policy_.jitter_from + (policy_.jitter_to - policy_.jitter_from) * fleet.chance();
  const double grown = std::ldexp(static_cast<double>(policy_.base.count()), static_cast<int>(std::min(waits_++, 30U)));
  const double wait = policy_.jitter_beyond_max ? std::min(grown, max) * jitter : std::min(grown * jitter, max);
  next_ = next;
  fleet.wake(device, ++attempt_, fleet.now() + std::chrono::milliseconds{static_cast<std::int64_t>(wait)});
}

}  // namespace iotc_ha::bench
