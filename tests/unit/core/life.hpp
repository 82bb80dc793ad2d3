#pragma once

#include "told.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The life of one supervisor in a world that is a clock moved by hand. What it does and says is kept to be read.
namespace iotc_ha::core::test {

class Life {
 public:
  explicit Life(std::optional<Remembered> remembered, const Policy& policy = Policy::fast(),
                const DpsStanding& standing = {})
      : policy_(policy) {
    take(start(std::move(remembered), standing, context()));
  }
  /// The daemon is started again with what it has kept of this life, after a while.
  [[nodiscard]] Life next_life(std::chrono::microseconds down) const {
    const DpsStanding* kept = nullptr;
    for (const Effect& effect : effects_) {
      if (const auto* keep = std::get_if<effect::KeepStanding>(&effect)) kept = &keep->standing;
    }
    Life next = *this;
    next.now_ += down;
    next.take(start(supervisor_.memory.remembered, kept != nullptr ? *kept : DpsStanding{}, next.context()));
    return next;
  }
  /// With a hub that is remembered, under the name that most tests use.
  [[nodiscard]] static Life with_memory(const Policy& policy = Policy::fast()) {
    return Life(Remembered{{"hub-a", "dev"}, k_epoch - std::chrono::hours{3}, "initialAssignment"}, policy);
  }
  /// In a session on "hub-a" that is stable, and with a known usual time to connect: 100 ms.
  [[nodiscard]] static Life connected(const Policy& policy = Policy::fast()) {
    Life life = with_memory(policy);
    life.after(std::chrono::milliseconds{100}).session_opens();
    life.after(std::chrono::minutes{10});
    life.told_since();
    life.done_since();
    return life;
  }

  Life& after(std::chrono::microseconds duration) {
    const Instant then = now_ + duration;
    // The loop's timer: whatever is due until then happens at its own time.
    while (deadline(supervisor_.state) <= then) {
      now_ = std::max(now_, deadline(supervisor_.state));
      take(step(supervisor_, event::TimeReached{}, context()));
    }
    now_ = then;
    return *this;
  }
  void until_the_deadline() { after(deadline(supervisor_.state) - now_); }
  void happens(const Event& event) { take(step(supervisor_, event, context())); }
  void dps_names(const std::string& hub, const std::string& why = "") {
    happens(event::Assigned{dps_, {hub, "dev"}, why});
  }
  void dps_fails(Fault fault, const std::string& what = "DPS …", std::optional<std::chrono::seconds> retry_after = {}) {
    happens(event::DpsFailed{dps_, {fault, what, retry_after}});
  }
  void register_sent() { happens(event::RegistrationSent{dps_}); }
  void session_opens() { happens(event::SessionOpened{session_}); }
  void hub_lost(Fault fault, const std::string& what = "hub …") {
    happens(event::HubLost{session_, {fault, what, {}}});
  }

  void chance(double chance) { chance_ = chance; }
  void set_clock(std::chrono::microseconds forward) { clock_ += forward; }

  [[nodiscard]] const Supervisor& supervisor() const { return supervisor_; }
  [[nodiscard]] const Status& status() const { return supervisor_.status; }
  [[nodiscard]] std::string state() const { return told(supervisor_.state); }
  [[nodiscard]] std::chrono::microseconds waits() const { return deadline(supervisor_.state) - now_; }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] AttemptId session() const { return session_; }
  [[nodiscard]] AttemptId dps() const { return dps_; }
  [[nodiscard]] bool early_poll() const { return early_poll_; }
  /// What comes after the state's name in the last line of the journal.
  [[nodiscard]] const std::string& reason() const { return supervisor_.status.state_reason; }
  /// The journal since the last call, one "12.5s line" each.
  std::vector<std::string> told_since() { return std::exchange(lines_, {}); }
  /// The effects since the last call, one text for all.
  std::string done_since() { return told(std::exchange(effects_, {})); }
  [[nodiscard]] std::size_t times_asked() const { return times_asked_; }

 private:
  [[nodiscard]] Context context() const {
    return {.now = now_,
            .wall = k_epoch + now_.time_since_epoch() + clock_,
            .chance = chance_,
            .policy = policy_,
            .token_life = std::chrono::seconds{3600}};
  }
  void take(Step step) {
    supervisor_ = std::move(step.supervisor);
    for (const Effect& effect : step.effects) {
      if (const auto* dps = std::get_if<effect::AskDps>(&effect)) {
        dps_ = dps->attempt;
        early_poll_ = dps->early_poll;
        ++times_asked_;
      }
      if (const auto* open = std::get_if<effect::OpenSession>(&effect)) session_ = open->attempt;
      if (const auto* line = std::get_if<effect::Announce>(&effect)) {
        lines_.push_back(seconds(now_.time_since_epoch()) + " " + line->line);
      }
      if (const auto* moved = std::get_if<effect::FailedOver>(&effect)) {
        lines_.push_back(seconds(now_.time_since_epoch()) + " " + told(effect) + " in " + seconds(moved->duration));
      }
      effects_.push_back(effect);
    }
  }

  static constexpr WallTime k_epoch{std::chrono::seconds{1'800'000'000}};
  Policy policy_;
  Instant now_{std::chrono::seconds{0}};
  std::chrono::microseconds clock_{0};
  double chance_ = 0.5;
  AttemptId dps_{};
  AttemptId session_{};
  bool early_poll_ = false;
  std::size_t times_asked_ = 0;
  Supervisor supervisor_{};
  std::vector<Effect> effects_;
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

}  // namespace iotc_ha::core::test
