#include "told.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

// A failover and a failback, told with times. The world here is a clock that is moved by hand.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

class Story {
 public:
  explicit Story(std::optional<Assignment> remembered) { take(start(std::move(remembered), context())); }

  Story& after(std::chrono::microseconds duration) {
    const Instant then = now_ + duration;
    // The loop's timer: whatever is due until then happens at its own time.
    while (deadline(supervisor_.state) <= then) {
      now_ = deadline(supervisor_.state);
      take(step(supervisor_, event::TimeReached{}, context()));
    }
    now_ = then;
    return *this;
  }
  void until_the_deadline() { after(deadline(supervisor_.state) - now_); }
  void happens(const Event& event) { take(step(supervisor_, event, context())); }
  void dps_names(const std::string& hub) { happens(event::Assigned{dps_, {hub, "dev"}}); }
  void dps_fails(Error error) { happens(event::DpsFailed{dps_, std::move(error)}); }
  void session_opens() { happens(event::SessionOpened{session_}); }
  void hub_lost(Fault fault, const std::string& what) { happens(event::HubLost{session_, {fault, what, {}}}); }

  [[nodiscard]] const Status& status() const { return supervisor_.status; }
  /// The journal since the last call, one "12.5s line" each.
  std::vector<std::string> told_since() { return std::exchange(lines_, {}); }
  void chance(double chance) { chance_ = chance; }

 private:
  [[nodiscard]] Context context() const {
    return {.now = now_,
            .wall = WallTime{now_.time_since_epoch()},
            .chance = chance_,
            .policy = Policy::fast(),
            .token_life = 3600s};
  }
  void take(Step step) {
    supervisor_ = std::move(step.supervisor);
    for (const Effect& effect : step.effects) {
      if (const auto* dps = std::get_if<effect::AskDps>(&effect)) dps_ = dps->attempt;
      if (const auto* open = std::get_if<effect::OpenSession>(&effect)) session_ = open->attempt;
      if (const auto* line = std::get_if<effect::Announce>(&effect)) {
        lines_.push_back(seconds(now_.time_since_epoch()) + " " + line->line);
      }
      if (const auto* moved = std::get_if<effect::FailedOver>(&effect)) {
        lines_.push_back(seconds(now_.time_since_epoch()) + " " + told(effect) + " in " + seconds(moved->duration));
      }
    }
  }

  Instant now_{0s};
  double chance_ = 0.5;
  AttemptId dps_{};
  AttemptId session_{};
  Supervisor supervisor_{};
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

TEST(Story, OfAFailoverAndAFailback) {
  Story story({});
  story.after(3s).dps_names("hub-a");
  story.after(200ms).session_opens();
  EXPECT_EQ(story.told_since(), (Lines{
                                    "0s Start -> Provisioning: no hub is known; asking DPS",
                                    "3s Provisioning -> Connecting: DPS named hub-a; connecting to hub-a",
                                    "3.2s Connecting -> Connected: hub-a answers as device dev",
                                }));
  EXPECT_EQ(story.status().current_hub, "hub-a");

  // A giant lizard attack.
  story.after(600s).hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  EXPECT_EQ(story.status().current_hub, "");
  story.after(100ms).hub_lost(Fault::Unreachable, "hub-a refused the connection");
  story.after(3300ms).dps_names("hub-b");
  story.after(200ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "603.2s Connected -> Reprovision: hub-a closed the connection (ConnectionLost) after 10 min; "
                "trying hub-a once, then DPS",
                "603.3s Reprovision -> Reprovision: hub-a refused the connection (Unreachable); asking DPS",
                "606.6s Reprovision -> Connecting: DPS named hub-b; connecting to hub-b",
                "606.8s Connecting -> Connected: hub-b answers as device dev; moved here from hub-a in 3.6 s",
                "606.8s FailedOver(hub-a,hub-b) in 3.6s",
            }));
  EXPECT_EQ(story.status().failover_count, 1U);
  EXPECT_EQ(story.status().previous_hub, "hub-a");
  EXPECT_EQ(story.status().last_failover_duration, 3600ms);

  // IoT Central moves the device home: hub-b drops it and refuses it from now on.
  story.after(300s).hub_lost(Fault::ConnectionLost, "hub-b closed the connection");
  story.after(100ms).hub_lost(Fault::HubNotAuthorized, "hub-b refused the session (CONNACK 5)");
  story.after(100ms).dps_names("hub-b");  // DPS is a little behind
  story.after(5s);
  story.after(100ms).dps_names("hub-a");
  story.after(200ms).session_opens();
  EXPECT_EQ(
      story.told_since(),
      (Lines{
          "906.8s Connected -> Reprovision: hub-b closed the connection (ConnectionLost) after 5 min; "
          "trying hub-b once, then DPS",
          "906.9s Reprovision -> Reprovision: hub-b refused the session (CONNACK 5) (HubNotAuthorized); asking DPS",
          "907s Reprovision -> Backoff: DPS still names hub-b, which has just refused; asking DPS again in 5.0 s",
          "912s Backoff -> Reprovision: the wait is over; asking DPS",
          "912.1s Reprovision -> Connecting: DPS named hub-a; connecting to hub-a",
          "912.3s Connecting -> Connected: hub-a answers as device dev; moved here from hub-b in 5.5 s",
          "912.3s FailedOver(hub-b,hub-a) in 5.5s",
      }));
  EXPECT_EQ(story.status().failover_count, 2U);
  EXPECT_EQ(story.status().previous_hub, "hub-b");
}

TEST(Story, OfADropThatTheRememberedHubHeals) {
  Story story(Assignment{"hub-a", "dev"});
  story.after(1s).session_opens();
  story.after(600s).hub_lost(Fault::Silent, "no PUBACK came in time");
  story.told_since();
  story.after(300ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{"601.3s Reprovision -> Connected: hub-a answers as device dev again after 0.3 s"}));
  EXPECT_EQ(story.status().reconnect_count, 1U);
  EXPECT_EQ(story.status().failover_count, 0U);
  EXPECT_EQ(story.status().last_error.name, "Silent");
}

TEST(Story, OfATokenThatIsRenewedInTime) {
  Story story(Assignment{"hub-a", "dev"});
  story.session_opens();
  story.told_since();
  story.chance(0.5);
  story.after(2790s);  // 80 % of an hour less half of 5 %
  EXPECT_EQ(story.told_since(),
            (Lines{"2790s Connected -> Connecting: the token is due for renewal; connecting to hub-a"}));
  story.after(100ms).session_opens();
  EXPECT_EQ(story.told_since(), (Lines{"2790.1s Connecting -> Connected: hub-a answers as device dev"}));
  EXPECT_EQ(story.status().reconnect_count, 0U);
  EXPECT_EQ(story.status().failover_count, 0U);
  EXPECT_EQ(story.status().last_error.name, "");
}

TEST(Story, OfADpsThatIsDownWhileTheHubIsDead) {
  Story story(Assignment{"hub-a", "dev"});
  story.session_opens();
  story.after(600s).hub_lost(Fault::ConnectionLost, "gone");
  story.told_since();
  // Hub and DPS are asked in turn, with waits that grow, and nobody gives up.
  for (int round = 0; round < 20; ++round) {
    story.hub_lost(Fault::Unreachable, "connection refused");
    story.dps_fails({Fault::Unreachable, "connection refused", {}});
    EXPECT_EQ(story.status().state, "Backoff");
    story.until_the_deadline();
    EXPECT_EQ(story.status().state, "Reprovision");
  }
  story.session_opens();
  EXPECT_EQ(story.status().state, "Connected");
  EXPECT_EQ(story.status().reconnect_count, 1U);
}

TEST(Story, OfAWrongKeyThatAReloadMends) {
  Story story({});
  story.after(1s).dps_fails({Fault::DpsUnauthorized, "401002: Unauthorized", {}});
  EXPECT_EQ(story.status().state, "Halted");
  EXPECT_EQ(story.status().last_error.name, "DpsUnauthorized");
  story.after(70s);  // it asks again by itself, slowly
  EXPECT_EQ(story.status().state, "Provisioning");
  story.dps_fails({Fault::DpsUnauthorized, "401002: Unauthorized", {}});
  story.happens(event::Reloaded{true, {}});
  EXPECT_EQ(story.status().state, "Provisioning");
  story.dps_names("hub-a");
  story.session_opens();
  EXPECT_EQ(story.status().state, "Connected");
}

}  // namespace
}  // namespace iotc_ha::core::test
