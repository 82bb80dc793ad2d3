#include "life.hpp"

#include <gtest/gtest.h>

#include <string>

// A failover and a failback, told with times. The world here is a clock that is moved by hand.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

TEST(Story, OfAFailoverAndAFailback) {
  Life story({});
  story.after(3s).dps_names("hub-a", "initialAssignment");
  story.after(200ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "0s Start -> Provisioning: no hub is known; asking DPS",
                "3s Provisioning -> Connecting: DPS named hub-a (initialAssignment); connecting to hub-a",
                "3.2s Connecting -> Connected: hub-a answers as device dev",
            }));
  EXPECT_EQ(story.status().current_hub, "hub-a");

  // A giant lizard attack: the hub is gone at once, and says so.
  story.after(600s).hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  EXPECT_EQ(story.status().current_hub, "");
  story.after(10ms).hub_lost(Fault::Unreachable, "hub-a refused the connection");
  story.after(340ms).dps_names("hub-b", "deviceDataMigrated");
  story.after(200ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "603.2s Connected -> Reprovision: hub-a closed the connection (ConnectionLost) after 10 min; "
                "trying hub-a, asking DPS beside it in 0.4 s",
                "603.21s Reprovision -> Reprovision: hub-a refused the connection (Unreachable); asking DPS",
                "603.55s Reprovision -> Connecting: DPS named hub-b (deviceDataMigrated); connecting to hub-b",
                "603.75s Connecting -> Connected: hub-b answers as device dev; moved here from hub-a in 0.6 s",
                "603.75s FailedOver(hub-a,hub-b) in 0.55s",
            }));
  EXPECT_EQ(story.status().failover_count, 1U);
  EXPECT_EQ(story.status().previous_hub, "hub-a");
  EXPECT_EQ(story.status().last_failover_duration, 550ms);

  // IoT Central moves the device home: hub-b drops it and refuses it from now on.
  story.after(300s).hub_lost(Fault::ConnectionLost, "hub-b closed the connection");
  story.after(100ms).hub_lost(Fault::HubNotAuthorized, "hub-b refused the session (CONNACK 5)");
  story.after(100ms).dps_names("hub-b");  // DPS is a little behind
  story.after(5s);
  story.after(100ms).dps_names("hub-a", "reprovisionedToInitialAssignment");
  story.after(200ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "903.75s Connected -> Reprovision: hub-b closed the connection (ConnectionLost) after 5 min; "
                "trying hub-b, asking DPS beside it in 0.4 s",
                "903.85s Reprovision -> Reprovision: hub-b refused the session (CONNACK 5) (HubNotAuthorized: the "
                "device was moved, disabled or deleted, or its key is wrong); asking DPS",
                "903.95s Reprovision -> Backoff: DPS still names hub-b, which has just refused; asking DPS again in "
                "5.0 s",
                "908.95s Backoff -> Reprovision: the wait is over; asking DPS",
                "909.05s Reprovision -> Connecting: DPS named hub-a (reprovisionedToInitialAssignment); connecting to "
                "hub-a",
                "909.25s Connecting -> Connected: hub-a answers as device dev; moved here from hub-b in 5.5 s",
                "909.25s FailedOver(hub-b,hub-a) in 5.5s",
            }));
  EXPECT_EQ(story.status().failover_count, 2U);
  EXPECT_EQ(story.status().previous_hub, "hub-b");
}

TEST(Story, OfAHubThatFallsSilent) {
  Life story = Life::connected();
  story.happens(event::Suspected{story.session(), "has not acknowledged a message for 1.2 s"});
  story.after(3s).hub_lost(Fault::Silent, "hub-a has not acknowledged a message for 4.2 s");
  story.after(330ms).dps_names("hub-b");
  story.after(120ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "600.1s Connected -> Connected: hub-a is suspected: has not acknowledged a message for 1.2 s; "
                "asking it",
                "603.1s Connected -> Reprovision: hub-a has not acknowledged a message for 4.2 s (Silent) after "
                "10 min 3 s; trying hub-a and asking DPS",
                "603.43s Reprovision -> Connecting: DPS named hub-b; connecting to hub-b",
                "603.55s Connecting -> Connected: hub-b answers as device dev; moved here from hub-a in 0.5 s",
                "603.55s FailedOver(hub-a,hub-b) in 0.45s",
            }));
}

TEST(Story, OfASlowMoment) {
  Life story = Life::connected();
  const WallTime since = story.status().state_since;
  story.happens(event::Suspected{story.session(), "has not acknowledged a message for 1.2 s"});
  EXPECT_EQ(story.status().state, "Connected");
  EXPECT_EQ(story.status().state_reason, "hub-a is suspected: has not acknowledged a message for 1.2 s; asking it");
  story.after(100ms).happens(event::Relieved{story.session()});
  EXPECT_EQ(story.status().state_reason, "hub-a has answered");
  EXPECT_EQ(story.status().state_since, since);
  EXPECT_EQ(story.status().current_hub, "hub-a");
}

TEST(Story, OfADropThatTheRememberedHubHeals) {
  Life story = Life::connected();
  story.hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  story.told_since();
  story.after(120ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{"600.22s Reprovision -> Connected: hub-a answers as device dev again after 0.1 s"}));
  EXPECT_EQ(story.status().reconnect_count, 1U);
  EXPECT_EQ(story.status().failover_count, 0U);
  EXPECT_EQ(story.status().last_error.name, "ConnectionLost");
  EXPECT_EQ(story.times_asked(), 0U);
}

TEST(Story, OfAColdStartWithAMemoryThatIsStale) {
  Life story = Life::with_memory();
  story.after(80ms).hub_lost(Fault::HubUnavailable, "hub-a refused the session (CONNACK 3)");
  story.after(300ms).dps_names("hub-b", "deviceDataMigrated");
  EXPECT_EQ(story.told_since(),
            (Lines{
                "0s Start -> Connecting: a hub is remembered, named by DPS 3 h ago (initialAssignment); connecting to "
                "hub-a, asking DPS beside it in 2.0 s",
                "0.08s Connecting -> Reprovision: hub-a refused the session (CONNACK 3) (HubUnavailable: the hub is "
                "failing over or overloaded, or the device was moved or disabled); asking DPS",
                "0.38s Reprovision -> Connecting: DPS named hub-b (deviceDataMigrated); connecting to hub-b",
            }));
}

TEST(Story, OfATokenThatIsRenewedAtAQuietMoment) {
  Life story = Life::connected();
  const AttemptId session = story.session();
  story.after(2000s - 600s).happens(event::Quiet{session});
  EXPECT_EQ(story.told_since(), (Lines{}));  // 55 % of its life
  story.after(800s).happens(event::Quiet{session});
  story.after(100ms).session_opens();
  EXPECT_EQ(story.told_since(),
            (Lines{
                "2800.1s Connected -> Connecting: the token is renewed at a quiet moment; connecting to hub-a",
                "2800.2s Connecting -> Connected: hub-a answers as device dev",
            }));
  EXPECT_EQ(story.status().reconnect_count, 0U);
  EXPECT_EQ(story.status().failover_count, 0U);
  EXPECT_EQ(story.status().last_error.name, "");
  EXPECT_EQ(story.times_asked(), 0U);

  // Telemetry without a pause: at 90 % nothing is waited for any more.
  story.after(3239s);
  EXPECT_EQ(story.told_since(), (Lines{}));
  story.after(1s);
  EXPECT_EQ(story.told_since(),
            (Lines{"6040.2s Connected -> Connecting: the token has to be renewed; connecting to hub-a"}));
}

TEST(Story, OfADpsThatIsDownWhileTheHubIsDead) {
  Life story = Life::connected();
  story.hub_lost(Fault::ConnectionLost, "gone");
  // Hub and DPS are tried in turn, with waits that grow a little, and nobody gives up.
  for (int round = 0; round < 20; ++round) {
    story.hub_lost(Fault::Unreachable, "hub-a refused the connection");
    ASSERT_EQ(story.state(), "Reprovision(dps)");
    story.dps_fails(Fault::Unreachable, "DPS refused the connection");
    ASSERT_EQ(story.state(), "Backoff(hub)");
    ASSERT_LE(story.waits(), 15s);
    story.until_the_deadline();
    ASSERT_EQ(story.state(), "Reprovision(try hub-a)");
  }
  story.session_opens();
  EXPECT_EQ(story.status().state, "Connected");
  EXPECT_EQ(story.status().reconnect_count, 1U);
}

TEST(Story, OfAWrongKeyThatAReloadMends) {
  Life story({});
  story.after(1s).dps_fails(Fault::DpsUnauthorized, "401002: Unauthorized");
  EXPECT_EQ(story.status().state, "Halted");
  EXPECT_EQ(story.status().last_error.name, "DpsUnauthorized");
  story.after(70s);  // it asks again by itself, slowly
  EXPECT_EQ(story.status().state, "Provisioning");
  story.dps_fails(Fault::DpsUnauthorized, "401002: Unauthorized");
  story.happens(event::Reloaded{true, {}});
  EXPECT_EQ(story.status().state, "Provisioning");
  story.dps_names("hub-a");
  story.session_opens();
  EXPECT_EQ(story.status().state, "Connected");
}

TEST(Story, OfAWrongClockThatIsSet) {
  Life story({});
  story.after(300ms).dps_fails(Fault::ClockWrong, "this machine's clock is wrong: 3 h behind that of DPS");
  story.after(2s).happens(event::WorldChanged{"the clock was set"});
  story.after(1s);
  EXPECT_EQ(story.told_since(),
            (Lines{
                "0s Start -> Provisioning: no hub is known; asking DPS",
                "0.3s Provisioning -> Backoff: this machine's clock is wrong: 3 h behind that of DPS (ClockWrong: no "
                "token of ours is valid before it is set); asking DPS again in 7.5 s",
                "2.3s Backoff -> Backoff: the clock was set; asking DPS in 0.5 s",
                "2.8s Backoff -> Provisioning: the wait is over; asking DPS",
            }));
}

}  // namespace
}  // namespace iotc_ha::core::test
