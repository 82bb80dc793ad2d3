#include "told.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

// Lives in which anything happens at any time, each from a seed of its own. What is promised holds in all of them; and
// when the world is well again, the device is connected again.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime k_epoch{1'800'000'000s};

class Walk {
 public:
  Walk(std::uint32_t seed, const Policy& policy) : chance_(seed), policy_(policy) {
    std::optional<Remembered> remembered;
    if (one_in(2)) remembered = Remembered{{"hub-a", "dev"}, k_epoch, ""};
    take(start(std::move(remembered), {}, context()), false);
  }

  void stagger() {
    now_ += std::chrono::milliseconds{one_in(3) ? below(40'000) : below(700)};
    const Event event = any_event();
    const bool by_operator =
        std::holds_alternative<event::ReconnectAsked>(event) || std::holds_alternative<event::ReprovisionAsked>(event);
    tell(event, by_operator);
  }

  /// Everything answers, and well.
  void heal() {
    if (session_ && !std::holds_alternative<state::Connected>(now().state))
      return tell(event::SessionOpened{*session_});
    if (dps_) return tell(event::Assigned{*dps_, {"hub-b", "dev"}, ""});
    now_ = std::max(now_, deadline(now().state));
    tell(event::TimeReached{});
  }

  [[nodiscard]] bool is_connected() const { return std::holds_alternative<state::Connected>(supervisor_.state); }
  [[nodiscard]] Instant when() const { return now_; }

 private:
  [[nodiscard]] const Supervisor& now() const { return supervisor_; }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(chance_() % limit); }
  bool one_in(std::uint32_t many) { return below(many) == 0; }
  Context context() {
    return {.now = now_,
            .wall = k_epoch + now_.time_since_epoch() + clock_,
            .chance = below(1000) / 1000.0,
            .policy = policy_,
            .token_life = 3600s};
  }

  Fault any_fault(std::initializer_list<Fault> of) { return of.begin()[below(static_cast<std::uint32_t>(of.size()))]; }
  AttemptId any_attempt() { return AttemptId{1 + below(static_cast<std::uint32_t>(supervisor_.memory.attempts_made))}; }
  Event any_event() {
    const AttemptId session = session_ && !one_in(8) ? *session_ : any_attempt();
    const AttemptId dps = dps_ && !one_in(8) ? *dps_ : any_attempt();
    switch (below(14)) {
      case 0: return event::SessionOpened{session};
      case 1:
      case 2:
        return event::HubLost{session,
                              {any_fault({Fault::Unreachable, Fault::Silent, Fault::ConnectionLost, Fault::TimedOut,
                                          Fault::HubUnavailable, Fault::HubNotAuthorized, Fault::TlsRefused,
                                          Fault::HubProtocol, Fault::NameNotResolved}),
                               "hub",
                               {}}};
      case 3: return event::Assigned{dps, {one_in(2) ? "hub-a" : "hub-b", "dev"}, ""};
      case 4:
      case 5: {
        Error error{any_fault({Fault::Unreachable, Fault::TimedOut, Fault::DpsThrottled, Fault::DpsUnavailable,
                               Fault::DpsUnauthorized, Fault::DpsFailed, Fault::ClockWrong, Fault::TlsRefused,
                               Fault::DpsDisabled}),
                    "DPS",
                    {}};
        if (one_in(2)) error.retry_after = std::chrono::seconds{below(120)};
        if (dps == dps_ && error.retry_after) not_before_ = std::max(not_before_, now_ + *error.retry_after);
        return event::DpsFailed{dps, error};
      }
      case 6: return event::RegistrationSent{dps};
      case 7: return event::WorldChanged{"something"};
      case 8: return one_in(2) ? Event{event::Suspected{session, "late"}} : Event{event::Relieved{session}};
      case 9: return event::Quiet{session};
      case 10: return one_in(2) ? Event{event::ReconnectAsked{}} : Event{event::ReprovisionAsked{}};
      case 11: clock_ += std::chrono::seconds{one_in(2) ? below(7200) : 0} - 1800s; return event::PollThrottled{dps};
      default: return event::TimeReached{};
    }
  }

  void tell(const Event& event, bool by_operator = false) {
    const Context context = this->context();
    const DpsBudget before = supervisor_.memory.dps_budget;
    affordable_ = context.wall < before.at() || before.next(policy_.dps_budget, context.wall) <= context.wall;
    if (const auto* e = std::get_if<event::Assigned>(&event); e != nullptr && dps_ == e->attempt) {
      dps_.reset();
      not_before_ = {};
    }
    if (const auto* e = std::get_if<event::DpsFailed>(&event); e != nullptr && dps_ == e->attempt) dps_.reset();
    if (const auto* e = std::get_if<event::HubLost>(&event); e != nullptr && session_ == e->attempt) session_.reset();
    take(step(std::move(supervisor_), event, context), by_operator);
  }

  void take(Step step, bool by_operator) {
    supervisor_ = std::move(step.supervisor);
    for (const Effect& effect : step.effects) {
      if (const auto* e = std::get_if<effect::AskDps>(&effect)) {
        EXPECT_FALSE(dps_) << "two questions at once";
        EXPECT_TRUE(by_operator || now_ >= not_before_) << "sooner than DPS asked for";
        EXPECT_TRUE(by_operator || affordable_) << "over the budget";
        dps_ = e->attempt;
      }
      if (const auto* e = std::get_if<effect::CancelDps>(&effect)) {
        EXPECT_EQ(dps_, e->attempt);
        dps_.reset();
      }
      if (const auto* e = std::get_if<effect::CloseSession>(&effect)) {
        EXPECT_EQ(session_, e->attempt);
        session_.reset();
      }
      if (const auto* e = std::get_if<effect::OpenSession>(&effect)) session_ = e->attempt;
      if (const auto* e = std::get_if<effect::Announce>(&effect)) {
        EXPECT_EQ(e->to, name_of(supervisor_.state));
      }
    }
    EXPECT_LE(deadline(supervisor_.state) - now_, 26h);
    if (const auto* open = std::get_if<state::Connected>(&supervisor_.state)) {
      EXPECT_EQ(session_, open->attempt);
      EXPECT_FALSE(dps_) << "nobody listens to the answer";
    }
    if (std::holds_alternative<state::Backoff>(supervisor_.state) ||
        std::holds_alternative<state::Halted>(supervisor_.state)) {
      EXPECT_FALSE(dps_);
      EXPECT_FALSE(session_);
    }
  }

  std::mt19937 chance_;
  Policy policy_;
  Instant now_{0s};
  std::chrono::microseconds clock_{0};
  Supervisor supervisor_{};
  std::optional<AttemptId> dps_;
  std::optional<AttemptId> session_;
  Instant not_before_{};
  bool affordable_ = true;
};

TEST(Walk, WhateverHappensThePromisesHoldAndTheDeviceComesBack) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Walk walk(seed, seed % 3 == 0 ? Policy::polite() : Policy::fast());
    for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) walk.stagger();
    const Instant well = walk.when();
    for (int i = 0; i < 200 && !walk.is_connected(); ++i) walk.heal();
    EXPECT_TRUE(walk.is_connected());
    EXPECT_LE(walk.when() - well, 4h);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace iotc_ha::core::test
