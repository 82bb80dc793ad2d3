#pragma once

#include "agenda.hpp"
#include "cloud.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

/// A fleet that loses its hub, in simulated time.
namespace iotc_ha::bench {

/// What befalls the fleet, and what the services permit meanwhile.
struct Scenario {
  enum class Disaster : std::uint8_t {
    HubDies,      ///< every session is reset and nobody listens there any more; DPS names the other hub
    HubRestarts,  ///< the same, but it is back after `down`, and DPS names no other
  };
  enum class WhenFull : std::uint8_t { Closes, Refuses };  ///< the connection without a word, or with CONNACK 3

  Disaster disaster = Disaster::HubDies;
  std::chrono::seconds down{10};
  std::uint32_t devices = 100'000;
  Counting counting = Counting::Bucket;
  std::uint32_t registrations_per_minute = 1'000;
  std::optional<std::chrono::seconds> retry_after{};  ///< what a 429 of DPS says
  std::uint32_t connections_per_second = 100;
  WhenFull when_full = WhenFull::Closes;
  std::chrono::milliseconds round_trip{50};
  std::chrono::hours at_most{6};  ///< a fleet that is not back by then will not be
  std::uint64_t seed = 1;

  /// When the last device can be back at the soonest.
  [[nodiscard]] std::chrono::duration<double> limit() const;
};

enum class Hub : std::uint8_t { Lost, Other };

/// What happens to a device.
struct Happening {
  enum class Kind : std::uint8_t {
    SessionLost,
    Woken,        ///< the moment that it asked for
    Opened,       ///< the session
    Unreachable,  ///< nobody listens at the hub
    HubFull,      ///< closed without CONNACK
    HubRefuses,   ///< CONNACK 3
    Throttled,    ///< 429 to a register
    Assigned,     ///< DPS named a hub
    PollDue,      ///< for the simulation alone
  };
  Instant at;
  std::uint32_t device;
  std::uint32_t attempt;  ///< of the device: what this answers
  Kind kind;
  Hub hub;  ///< that DPS named
};

/// When a device asks how far its registration is.
enum class Polls : std::uint8_t { Early, AsTold, EveryTwoSeconds };

class Fleet;

/// One device. It answers what happens to it by calls to the fleet.
class Device {
 public:
  virtual ~Device() = default;
  virtual void on(const Happening& happening, Fleet& fleet) = 0;
  [[nodiscard]] virtual bool connected() const = 0;
};

/// What came of it.
struct Outcome {
  // Since the disaster; nothing: not within Scenario::at_most
  std::optional<std::chrono::duration<double>> half;
  std::optional<std::chrono::duration<double>> most;  ///< 99 %
  std::optional<std::chrono::duration<double>> all;
  std::uint64_t registers = 0;        ///< register requests, taken and refused
  std::uint64_t registers_taken = 0;  ///< those that are billed
  std::uint64_t polls = 0;
  std::uint64_t connects = 0;  ///< TCP connections to a hub, taken and refused
  std::uint64_t connects_taken = 0;
  // Every k_sample, from the disaster on
  std::vector<std::uint32_t> connected;
  std::vector<std::uint32_t> asked;  ///< register requests within it
};

class Fleet {
 public:
  using Make = std::function<std::unique_ptr<Device>()>;
  static constexpr std::chrono::seconds k_sample{30};

  /// `make` answers a device that has had a session on the lost hub for long.
  Fleet(const Scenario& scenario, const Make& make);
  [[nodiscard]] Outcome run() &&;

  // For a device, while it is told what happens to it
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] const Scenario& scenario() const { return scenario_; }
  [[nodiscard]] double chance();  ///< uniform in [0, 1)
  /// When it will be woken: at `at`, or up to a millisecond later.
  Instant wake(std::uint32_t device, std::uint32_t attempt, Instant at);
  void connect(std::uint32_t device, std::uint32_t attempt, Hub hub);
  /// `repeats_after`: a client that asks again by itself when it is throttled; it is then woken after so long, and not
  /// told.
  void ask_dps(std::uint32_t device, std::uint32_t attempt, Polls polls,
               std::optional<std::chrono::milliseconds> repeats_after = {});
  void cancel_dps(std::uint32_t device) { registrations_[device].attempt = 0; }

  /// The disaster: simulated time must not begin at zero, where some would take it for none.
  static constexpr Instant k_disaster{std::chrono::hours{24}};

 private:
  struct Registration {
    std::uint32_t attempt = 0;
    std::uint32_t polls_made = 0;
    Instant answered_at{};
    Instant decided_at{};
    Polls polls{};
  };
  void happen(const Happening& happening);
  void poll(const Happening& due);
  void answer(const Happening& to, Happening::Kind kind, std::chrono::microseconds after, Hub hub = Hub::Lost);
  void sample_until(Instant moment);
  [[nodiscard]] Instant next_poll(const Registration& registration) const;

  Scenario scenario_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<Registration> registrations_;
  Agenda<Happening> agenda_{k_disaster};
  std::mt19937_64 lots_;
  RegistrationLimit dps_;
  ConnectionLimit hub_;
  Instant now_ = k_disaster;
  std::uint32_t connected_ = 0;
  Outcome outcome_;
};

}  // namespace iotc_ha::bench
