#include "life.hpp"

#include <gtest/gtest.h>

// The race between the remembered hub and DPS.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

TEST(Race, GivesTheHubItsHeadStartAndPreparesTheWayToDps) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  EXPECT_EQ(life.done_since(), "OpenSession(hub-a) PrepareDps");
  EXPECT_EQ(life.state(), "Reprovision(try hub-a)");
  EXPECT_EQ(life.waits(), 250ms);
  life.after(250ms);
  EXPECT_EQ(life.done_since(), "AskDps");
  EXPECT_EQ(life.state(), "Reprovision(try hub-a+dps)");
}

TEST(Race, TheHeadStartIsTwiceWhatIsUsualOnASlowLink) {
  Life life = Life::with_memory();
  life.after(900ms).session_opens();
  life.after(10min).hub_lost(Fault::ConnectionLost);
  EXPECT_EQ(life.waits(), 1800ms);
  life.after(100ms).session_opens();  // one quick one among slow ones changes little
  EXPECT_EQ(life.supervisor().memory.usual_connect, 800ms);
}

TEST(Race, TheFirstGoodAnswerWins) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(1s);
  const AttemptId asked = life.dps();
  life.done_since();
  life.session_opens();
  EXPECT_EQ(life.done_since(), "CancelDps");
  EXPECT_EQ(life.state(), "Connected(hub-a)");
  life.happens(event::Assigned{asked, {"hub-b", "dev"}, ""});  // too late
  EXPECT_EQ(life.done_since(), "");
  EXPECT_EQ(life.state(), "Connected(hub-a)");
}

TEST(Race, AnotherHubThatDpsNamesDoesNotWaitForTheOldOnesConnect) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(1s);
  const AttemptId hanging = life.session();
  life.done_since();
  life.dps_names("hub-b", "deviceDataMigrated");
  EXPECT_EQ(life.done_since(), "Remember(hub-b) OpenSession(hub-b)");
  EXPECT_EQ(life.state(), "Connecting(hub-b,assigned)");
  life.happens(event::HubLost{hanging, {Fault::Cancelled, "given up for another session", {}}});
  life.happens(event::SessionOpened{hanging});
  EXPECT_EQ(life.done_since(), "");
  EXPECT_EQ(life.state(), "Connecting(hub-b,assigned)");
  life.session_opens();
  EXPECT_EQ(life.state(), "Connected(hub-b)");
}

TEST(Race, TheSameHubThatDpsNamesIsWaitedForInTheAttemptThatIsUnderWay) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(3s);
  life.done_since();
  life.dps_names("hub-a");
  EXPECT_EQ(life.done_since(), "Remember(hub-a)");
  EXPECT_EQ(life.state(), "Connecting(hub-a,assigned)");
  EXPECT_EQ(life.waits(), 23s);
  life.session_opens();
  EXPECT_EQ(life.state(), "Connected(hub-a)");
}

TEST(Race, AnotherDeviceIdOnTheSameHubNeedsAnotherSession) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(3s);
  life.done_since();
  life.happens(event::Assigned{life.dps(), {"hub-a", "other"}, ""});
  EXPECT_EQ(life.done_since(), "Remember(hub-a) OpenSession(hub-a)");
}

TEST(Race, DpsGoesOnAloneWhenTheHubFails) {
  for (const auto& [fault, state] : {std::pair{Fault::Unreachable, "Reprovision(dps)"},
                                     std::pair{Fault::HubUnavailable, "Reprovision(dps,not hub-a)"}}) {
    Life life = Life::connected();
    life.hub_lost(Fault::ConnectionLost);
    life.after(1s);
    life.done_since();
    life.hub_lost(fault);
    EXPECT_EQ(life.done_since(), "");
    EXPECT_EQ(life.state(), state);
  }
}

TEST(Race, TheHubGoesOnAloneWhenDpsFails) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(1s).dps_fails(Fault::DpsUnavailable, "DPS answered 503");
  EXPECT_EQ(life.state(), "Reprovision(try hub-a,dps failed)");
  EXPECT_EQ(life.times_asked(), 1U);
  life.session_opens();
  EXPECT_EQ(life.state(), "Connected(hub-a)");
}

TEST(Race, WhenBothFailWhatDpsSaidDecidesTheWait) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.after(1s).dps_fails(Fault::DpsDisabled, "DPS says disabled");
  life.after(1s).hub_lost(Fault::Unreachable, "hub-a refused the connection");
  EXPECT_EQ(life.state(), "Halted");
  EXPECT_NE(life.reason().find("hub-a refused the connection (Unreachable), and DPS says disabled (DpsDisabled"),
            std::string::npos)
      << life.reason();
}

TEST(Race, ADeafHubAndADeafDpsEndAtTheirDeadlines) {
  Life life = Life::connected();
  life.hub_lost(Fault::Silent);
  life.done_since();
  EXPECT_EQ(life.state(), "Reprovision(try hub-a+dps)");
  life.after(13s);
  EXPECT_EQ(life.done_since(), "DropSession");
  EXPECT_EQ(life.state(), "Reprovision(dps)");
  life.after(110s);
  EXPECT_EQ(life.done_since().substr(0, 9), "CancelDps");
}

TEST(Race, AtAColdStartBeginsWhenTheRememberedHubIsSlow) {
  Life life = Life::with_memory();
  const AttemptId first = life.session();
  EXPECT_EQ(life.done_since(), "OpenSession(hub-a)");
  life.after(1999ms);
  EXPECT_EQ(life.state(), "Connecting(hub-a,remembered)");
  life.after(1ms);
  EXPECT_EQ(life.done_since(), "AskDps");
  EXPECT_EQ(life.state(), "Reprovision(try hub-a+dps)");
  life.happens(event::SessionOpened{first});
  EXPECT_EQ(life.state(), "Connected(hub-a)");
}

TEST(Race, APoliteDeviceGivesTheHubItsTimeUnlessTheHubRefuses) {
  Life life = Life::connected(Policy::polite());
  const Instant lost = life.now();
  life.hub_lost(Fault::ConnectionLost);
  EXPECT_EQ(life.done_since(), "OpenSession(hub-a)");
  while (life.times_asked() == 0) {
    ASSERT_LT(life.now() - lost, 1h);
    if (life.state() == "Reprovision(try hub-a)") life.hub_lost(Fault::Unreachable);
    if (life.times_asked() == 0) life.until_the_deadline();
  }
  EXPECT_GE(life.now() - lost, 22min);  // 15 min x 1.5
  EXPECT_LE(life.now() - lost, 30min);

  Life refused = Life::connected(Policy::polite());
  refused.hub_lost(Fault::ConnectionLost);
  refused.hub_lost(Fault::HubUnavailable);
  EXPECT_EQ(refused.times_asked(), 1U);
}

TEST(Race, AnOperatorsWishTakesTheHubOutOfIt) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost);
  life.done_since();
  life.happens(event::ReprovisionAsked{});
  EXPECT_EQ(life.done_since(), "DropSession AskDps");
  EXPECT_EQ(life.state(), "Reprovision(dps)");

  life = Life::connected();
  life.hub_lost(Fault::Silent);
  life.done_since();
  life.happens(event::ReprovisionAsked{});
  EXPECT_EQ(life.done_since(), "DropSession");
  EXPECT_EQ(life.state(), "Reprovision(dps)");
}

// What DPS is spared

TEST(Race, NeverGoesOverTheBudget) {
  Policy policy = Policy::fast();
  policy.dps_budget = 3;
  Life life = Life::connected(policy);
  life.hub_lost(Fault::ConnectionLost);
  std::size_t sent = 0;
  std::size_t asked = 0;
  const Instant begin = life.now();
  while (life.now() - begin < 4h) {  // a DPS that never knows anything new, and a hub that is dead
    if (life.times_asked() > asked) {
      asked = life.times_asked();
      life.register_sent();
      ++sent;
    }
    const std::string state = life.state();
    if (state == "Reprovision(dps)") {
      life.dps_names("hub-a");
    } else if (state.rfind("Reprovision(try", 0) == 0 || state.rfind("Connecting", 0) == 0) {
      life.hub_lost(Fault::Unreachable);
    } else {
      life.until_the_deadline();
    }
  }
  EXPECT_GE(sent, 5U);
  EXPECT_LE(sent, 3U + 4U * 3U);
  EXPECT_EQ(life.status().dps_registrations, sent);
}

TEST(Race, SaysThatTheBudgetIsSpentAndKeepsTryingTheHub) {
  DpsBudget spent;
  for (int i = 0; i < 60; ++i) spent.spend(60, WallTime{1'800'000'000s});
  Life life(Remembered{{"hub-a", "dev"}, {}, ""}, Policy::fast(), {spent, {}});
  life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
  EXPECT_EQ(life.state(), "Backoff(hub)");
  EXPECT_EQ(life.reason(),
            "hub-a refused the connection (Unreachable); trying hub-a in 0.5 s, DPS in 1 min: the budget of 60 "
            "questions an hour to DPS is spent");
  life.happens(event::WorldChanged{"the network has changed"});
  life.until_the_deadline();
  EXPECT_EQ(life.state(), "Reprovision(try hub-a)");
  EXPECT_EQ(life.times_asked(), 0U);
  life.happens(event::ReprovisionAsked{});
  EXPECT_EQ(life.times_asked(), 1U);

  Life nobody(std::nullopt, Policy::fast(), {spent, {}});
  EXPECT_EQ(nobody.state(), "Backoff(dps)");
  EXPECT_EQ(nobody.waits(), 1min);
  nobody.until_the_deadline();
  EXPECT_EQ(nobody.state(), "Provisioning");
}

TEST(Race, KeepsTheBudgetOnDiskWithEachRegistration) {
  Life life({});
  life.done_since();
  life.register_sent();
  EXPECT_EQ(life.done_since(), "KeepStanding");
  EXPECT_EQ(life.supervisor().memory.dps_budget.spent(), 1);
}

TEST(Race, AsksNoSoonerThanDpsWantsOnWhateverWay) {
  Life life = Life::connected();
  life.hub_lost(Fault::Silent);
  life.dps_fails(Fault::DpsThrottled, "DPS answered 429", 120s);
  const Instant told = life.now();
  const std::vector<Event> pushes = {event::ReconnectAsked{}, event::WorldChanged{"the network has changed"},
                                     event::TimeReached{}};
  for (std::size_t i = 0; life.times_asked() == 1; ++i) {
    ASSERT_LT(life.now() - told, 10min);
    if (life.state().rfind("Reprovision(try", 0) == 0) life.hub_lost(Fault::HubUnavailable, "hub-a refused");
    if (life.times_asked() == 1) life.happens(pushes[i % pushes.size()]);
    if (life.times_asked() == 1) life.after(std::min<std::chrono::microseconds>(life.waits(), 3s));
  }
  EXPECT_GE(life.now() - told, 120s);
  EXPECT_EQ(life.status().dps_throttled, 1U);
}

TEST(Race, RemembersOverARestartWhatDpsWants) {
  Life life({});
  life.register_sent();
  life.dps_fails(Fault::DpsThrottled, "DPS answered 429", 120s);
  const auto left = life.waits();
  Life next = life.next_life(20s);
  EXPECT_EQ(next.state(), "Backoff(dps)");
  EXPECT_EQ(next.waits(), left - 20s);
  EXPECT_EQ(next.supervisor().memory.dps_budget.spent(), 1);
  EXPECT_EQ(life.next_life(10min).state(), "Provisioning");
  next.until_the_deadline();
  next.dps_names("hub-a");
  EXPECT_FALSE(next.next_life(0s).supervisor().memory.dps_not_before) << "DPS has answered since";
}

TEST(Race, BelievesNoClockThatSaysDpsWantsItForDays) {
  Life life({});
  life.dps_fails(Fault::DpsThrottled, "DPS answered 429", 120s);
  for (const auto clock : {-48h, -24h * 365 * 50, 24h * 365 * 50}) {
    Life elsewhere = life;
    elsewhere.set_clock(clock);
    EXPECT_EQ(elsewhere.next_life(1s).state(), "Provisioning");
  }
}

TEST(Race, PollsEarlyUntilDpsObjects) {
  Life life({});
  EXPECT_TRUE(life.early_poll());
  life.happens(event::PollThrottled{life.dps()});
  EXPECT_EQ(life.status().dps_throttled, 1U);
  life.dps_fails(Fault::TimedOut);
  life.until_the_deadline();
  EXPECT_FALSE(life.early_poll());
  life.after(1h);
  life.happens(event::ReprovisionAsked{});
  while (life.state() != "Provisioning" || life.waits() < 2min) life.after(1s);
  EXPECT_TRUE(life.early_poll());
  EXPECT_FALSE(Life({}, Policy::polite()).early_poll());
}

}  // namespace
}  // namespace iotc_ha::core::test
