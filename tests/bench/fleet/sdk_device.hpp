#pragma once

#include "fleet.hpp"

namespace iotc_ha::bench {

/// How the samples on one of Microsoft's SDKs try again, as small as that can be said. They are given more than they
/// have: most samples end, or never connect again, after a DPS that has failed; here they all go on.
struct SdkPolicy {
  std::chrono::milliseconds base;
  std::chrono::milliseconds max;
  double jitter_from;              ///< a wait is base * 2^n, longer or shorter by a part between
  double jitter_to;                ///< these two, and
  bool jitter_beyond_max;          ///< the limit cuts that off, or it comes on top of the limit
  std::chrono::seconds hub_alone;  ///< a hub that fails is tried for so long before DPS is asked again
  // The provisioning client repeats a throttled register by itself: after what DPS says, or else after this long
  std::chrono::seconds throttled_wait;
  std::chrono::seconds throttled_for;  ///< before it reports a failure
  Polls polls;

  static SdkPolicy c();
  static SdkPolicy node();
  static SdkPolicy python();
  static SdkPolicy csharp();
};

class SdkDevice : public Device {
 public:
  explicit SdkDevice(const SdkPolicy& policy) : policy_(policy) {}
  void on(const Happening& happening, Fleet& fleet) override;
  [[nodiscard]] bool connected() const override { return connected_; }

 private:
  enum class Next : std::uint8_t { AskDps, Connect };
  void ask_dps(std::uint32_t device, Fleet& fleet);
  void connect(std::uint32_t device, Fleet& fleet);
  void hub_failed(std::uint32_t device, Fleet& fleet);
  void wait(Next next, std::uint32_t device, Fleet& fleet);

  const SdkPolicy& policy_;
  std::uint32_t attempt_ = 0;
  std::uint32_t waits_ = 0;
  Hub hub_ = Hub::Lost;
  Next next_ = Next::AskDps;
  bool connected_ = true;
  bool within_call_ = false;  ///< of the provisioning client, which asks again by itself
  Instant asked_at_{};
  Instant failing_since_{};
};

}  // namespace iotc_ha::bench
