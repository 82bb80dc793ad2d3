#include "life.hpp"

#include <gtest/gtest.h>

#include <vector>

// What follows each event that a device can meet, one test for each row of the table that the policy was made by: what
// happens -> state, what is done, and what a person reads.
namespace iotc_ha::core::test {
namespace {

using namespace std::chrono_literals;

/// Connected, and the connection has just been lost: the remembered hub is being tried.
Life trying_hub(const Policy& policy = Policy::fast()) {
  Life life = Life::connected(policy);
  life.hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  life.done_since();
  return life;
}

/// The hub has refused TCP, and DPS is being asked.
Life asking_dps() {
  Life life = trying_hub();
  life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
  life.done_since();
  return life;
}

bool says(const Life& life, const std::string& words) { return life.reason().find(words) != std::string::npos; }

// The hub

TEST(DecisionTable, AConnectionThatIsResetLeadsToTheHubAtOnceAndToDpsBesideIt) {
  Life life = Life::connected();
  life.hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  EXPECT_EQ(life.done_since(), "OpenSession(hub-a) PrepareDps");
  EXPECT_TRUE(
      says(life, "hub-a closed the connection (ConnectionLost) after 10 min; trying hub-a, asking DPS beside it"));
  life.after(300ms);
  EXPECT_EQ(life.done_since(), "AskDps");
  EXPECT_EQ(life.reason(), "hub-a has not answered within 0.3 s; asking DPS beside it");
}

TEST(DecisionTable, AHubThatFallsSilentLeadsToBothAtOnce) {
  Life life = Life::connected();
  life.hub_lost(Fault::Silent, "hub-a has not acknowledged a message for 4.0 s");
  EXPECT_EQ(life.done_since(), "OpenSession(hub-a) AskDps");
  EXPECT_EQ(life.state(), "Reprovision(try hub-a+dps)");
  EXPECT_TRUE(says(life, "trying hub-a and asking DPS"));
}

TEST(DecisionTable, AHubThatRefusesTcpLeadsToDpsAtOnce) {
  Life life = trying_hub();
  life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
  EXPECT_EQ(life.done_since(), "AskDps");
  EXPECT_EQ(life.reason(), "hub-a refused the connection (Unreachable); asking DPS");
}

TEST(DecisionTable, AHubThatRefusesTcpIsTriedAloneForAWhileByAPoliteDevice) {
  Life life = trying_hub(Policy::polite());
  life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
  EXPECT_EQ(life.done_since(), "");
  EXPECT_EQ(life.state(), "Backoff(hub)");
  EXPECT_EQ(life.reason(),
            "hub-a refused the connection (Unreachable); trying hub-a in 2.5 s, DPS in 22 min 30 s unless the hub "
            "refuses");
}

TEST(DecisionTable, AConnackOf3Or4Or5LeadsToDpsAtOnceUnderEitherProfile) {
  for (const Policy& policy : {Policy::fast(), Policy::polite()}) {
    for (const Fault fault : {Fault::HubUnavailable, Fault::HubBadCredentials, Fault::HubNotAuthorized}) {
      Life life = trying_hub(policy);
      life.hub_lost(fault, "hub-a refused the session");
      EXPECT_EQ(life.done_since(), "AskDps");
      EXPECT_EQ(life.state(), "Reprovision(dps,not hub-a)");
    }
  }
}

TEST(DecisionTable, ARefusalSaysWhatMayBeBehindIt) {
  Life life = trying_hub();
  life.hub_lost(Fault::HubUnavailable, "hub-a refused the session (CONNACK 3)");
  EXPECT_TRUE(says(life, "the hub is failing over or overloaded, or the device was moved or disabled"))
      << life.reason();
}

TEST(DecisionTable, ARefusalByTheHubThatDpsInsistsOnWaitsLongerEachTime) {
  Life life = trying_hub();
  life.hub_lost(Fault::HubNotAuthorized, "hub-a refused the session (CONNACK 5)");
  life.dps_names("hub-a");
  EXPECT_EQ(life.state(), "Backoff(dps)");
  EXPECT_EQ(life.waits(), 5s);
  EXPECT_EQ(life.reason(), "DPS still names hub-a, which has just refused; asking DPS again in 5.0 s");
  for (const auto expected : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    life.until_the_deadline();
    life.dps_names("hub-a");
    ASSERT_EQ(life.state(), "Connecting(hub-a,assigned)");
    life.hub_lost(Fault::HubNotAuthorized, "hub-a refused the session (CONNACK 5)");
    EXPECT_EQ(life.waits(), expected);
  }
}

TEST(DecisionTable, AConnackOf1Or2IsRetriedSlowly) {
  Life life = trying_hub();
  life.hub_lost(Fault::HubProtocol, "hub-a refused the session (CONNACK 1)");
  life.dps_names("hub-a");
  EXPECT_EQ(life.state(), "Backoff(dps)");
  EXPECT_EQ(life.waits(), 5s);
}

TEST(DecisionTable, AHubThatClosesWithoutAConnackLeadsToDps) {
  Life life = trying_hub();
  life.hub_lost(Fault::ConnectionLost, "hub-a closed the connection before it answered");
  EXPECT_EQ(life.state(), "Reprovision(dps)");
}

TEST(DecisionTable, AHubThatDpsHasJustNamedAndThatCannotBeReachedIsTriedAloneForAWhile) {
  Life life = asking_dps();
  life.dps_names("hub-a");
  life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
  EXPECT_EQ(life.reason(),
            "hub-a refused the connection (Unreachable); trying hub-a in 0.5 s, DPS in 5.0 s unless the hub refuses");
  const Instant named = life.now();
  while (life.times_asked() == 1) {
    ASSERT_LT(life.now() - named, 1min);
    if (life.state() == "Reprovision(try hub-a)") life.hub_lost(Fault::Unreachable);
    if (life.times_asked() == 1) life.until_the_deadline();
  }
  EXPECT_GE(life.now() - named, 5s);
}

TEST(DecisionTable, SessionsThatAreDroppedSoonAskDpsOnceAndThenWait) {
  Life life = Life::with_memory();
  const auto dropped_soon = [&] {
    life.session_opens();
    life.after(2s).hub_lost(Fault::ConnectionLost, "hub-a closed the connection");
  };
  dropped_soon();
  EXPECT_EQ(life.times_asked(), 0U);
  dropped_soon();
  EXPECT_EQ(life.times_asked(), 1U);
  life.dps_names("hub-a");
  dropped_soon();
  EXPECT_EQ(life.state(), "Backoff(hub)");
  EXPECT_EQ(
      life.reason(),
      "hub-a closed the connection (ConnectionLost) after 2.0 s, and so soon 3 times in a row (quota, throttling, "
      "another device with this id, or a message); trying hub-a in 0.5 s");
  EXPECT_EQ(life.times_asked(), 1U);
}

TEST(DecisionTable, AHubWithoutAnAddressLeadsToDpsAndToTheHubInTurnWithoutAPenaltyForDps) {
  Life life = trying_hub();
  for (int round = 0; round < 10; ++round) {
    life.hub_lost(Fault::NameNotResolved, "hub-a has no address");
    ASSERT_EQ(life.state(), "Reprovision(dps)");
    life.dps_fails(Fault::NameNotResolved, "DPS has no address");
    ASSERT_EQ(life.state(), "Backoff(hub)");
    ASSERT_LE(life.waits(), 15s);
    life.until_the_deadline();
  }
  EXPECT_EQ(life.status().dps_registrations, 0U);
  // The first time that DPS objects is the first time, however long the network was away.
  life.hub_lost(Fault::Unreachable);
  life.dps_fails(Fault::DpsThrottled);
  EXPECT_EQ(*life.supervisor().memory.dps_not_before - life.now(), 4500ms);
}

TEST(DecisionTable, ACertificateThatIsNotAcceptedIsRetriedSlowlyWithHubAndDps) {
  Life life = trying_hub();
  life.hub_lost(Fault::TlsRefused, "no TLS with hub-a");
  EXPECT_TRUE(says(life, "a wrong clock")) << life.reason();
  life.dps_names("hub-a");
  EXPECT_EQ(life.state(), "Backoff(dps)");
  EXPECT_GE(life.waits(), 5s);

  life = trying_hub();
  life.chance(0);
  const Instant begin = life.now();
  for (int round = 0; round < 10; ++round) {  // a proxy in between answers for both
    life.hub_lost(Fault::TlsRefused, "no TLS with hub-a");
    ASSERT_EQ(life.state(), "Reprovision(dps,not hub-a)");
    life.dps_fails(Fault::TlsRefused, "no TLS with DPS");
    life.until_the_deadline();
  }
  EXPECT_GE(life.now() - begin, 50s);
}

// DPS

TEST(DecisionTable, DpsThatSaysThatWeAreWrongIsLeftToAnOperatorAndAskedSlowly) {
  for (const Fault fault : {Fault::DpsUnauthorized, Fault::DpsForbidden, Fault::DpsNotFound, Fault::DpsDisabled}) {
    Life life = asking_dps();
    for (const auto expected : {1min, 2min, 4min, 8min, 16min, 32min, 60min, 60min}) {
      life.dps_fails(fault, "DPS said no");
      ASSERT_EQ(life.state(), "Halted");
      EXPECT_EQ(life.waits(), expected);
      EXPECT_TRUE(says(life, "an operator has to mend this")) << life.reason();
      life.until_the_deadline();
      ASSERT_EQ(life.state(), "Provisioning");
    }
  }
}

TEST(DecisionTable, A401MayHaveBeenAWrongClockAndIsTriedAgainWhenTheClockIsSet) {
  Life life = asking_dps();
  life.dps_fails(Fault::DpsUnauthorized, "401002: Unauthorized");
  life.happens(event::WorldChanged{"the clock was set"});
  EXPECT_EQ(life.waits(), 500ms);
  life.until_the_deadline();
  EXPECT_EQ(life.state(), "Provisioning");

  life.dps_fails(Fault::DpsDisabled, "disabled");
  life.after(60s);
  life.dps_fails(Fault::DpsDisabled, "disabled");
  life.done_since();
  life.happens(event::WorldChanged{"the clock was set"});  // nothing to do with it
  EXPECT_EQ(life.done_since(), "");
}

TEST(DecisionTable, AWrongClockIsNamedAndWaitedOut) {
  Life life = asking_dps();
  life.dps_fails(Fault::ClockWrong, "this machine's clock is 3 h behind that of DPS");
  EXPECT_EQ(life.state(), "Backoff(dps)");
  EXPECT_EQ(life.reason(),
            "this machine's clock is 3 h behind that of DPS (ClockWrong: no token of ours is valid before it is set); "
            "asking DPS again in 7.5 s");
  life.happens(event::WorldChanged{"the clock was set"});
  EXPECT_EQ(life.waits(), 500ms);
}

TEST(DecisionTable, A429IsWaitedOutWhileTheHubIsTried) {
  Life life = asking_dps();
  life.dps_fails(Fault::DpsThrottled, "DPS answered 429", 30s);
  EXPECT_EQ(life.state(), "Backoff(hub)");
  EXPECT_EQ(life.reason(),
            "DPS answered 429 (DpsThrottled: too many questions are put to DPS at present); trying hub-a in 0.5 s, DPS "
            "in 32 s: it is to be left alone until then");
  life.until_the_deadline();
  EXPECT_EQ(life.done_since(), "KeepStanding OpenSession(hub-a)");
}

TEST(DecisionTable, A5xxIsGivenFiveSecondsAndMoreWhileTheHubIsTried) {
  Life life = asking_dps();
  life.dps_fails(Fault::DpsUnavailable, "DPS answered 503");
  EXPECT_EQ(life.state(), "Backoff(hub)");
  EXPECT_EQ(life.waits(), 500ms);
  EXPECT_EQ(*life.supervisor().memory.dps_not_before - life.now(), 7500ms);
}

TEST(DecisionTable, ADeviceThatWaitsForApprovalAsksAgainAfterHalfAMinuteAndNeverGivesUp) {
  Life life({});
  for (int round = 0; round < 20; ++round) {
    life.dps_fails(Fault::DpsFailed, "400209");
    ASSERT_EQ(life.state(), "Backoff(dps)");
    ASSERT_GE(life.waits(), 30s);
    ASSERT_LE(life.waits(), 6min);
    life.until_the_deadline();
    ASSERT_EQ(life.state(), "Provisioning");
  }
}

TEST(DecisionTable, ADpsThatAssignsForEverIsAskedAnewAfterTwoMinutes) {
  Life life({});
  life.after(123s);
  EXPECT_EQ(life.state(), "Backoff(dps)");
  EXPECT_EQ(life.done_since(), "AskDps CancelDps");
  EXPECT_TRUE(says(life, "DPS did not answer in time (TimedOut); asking DPS again")) << life.reason();
  life.until_the_deadline();
  EXPECT_EQ(life.state(), "Provisioning");
}

TEST(DecisionTable, ADpsThatCannotBeReachedTakesTurnsWithTheHub) {
  Life life = asking_dps();
  for (int round = 0; round < 10; ++round) {
    life.dps_fails(Fault::Unreachable, "DPS refused the connection");
    ASSERT_EQ(life.state(), "Backoff(hub)");
    ASSERT_LE(life.waits(), 15s);
    life.until_the_deadline();
    ASSERT_EQ(life.state(), "Reprovision(try hub-a)");
    life.hub_lost(Fault::Unreachable, "hub-a refused the connection");
    ASSERT_EQ(life.state(), "Reprovision(dps)");
  }
}

// The world

TEST(DecisionTable, ANetworkThatComesEndsAWaitEarlyWithJitterAndNotTwiceInARow) {
  Life life = asking_dps();
  for (int round = 0; round < 6; ++round) {
    life.dps_fails(Fault::NameNotResolved, "DPS has no address");
    life.until_the_deadline();
    life.hub_lost(Fault::NameNotResolved, "hub-a has no address");
  }
  life.dps_fails(Fault::NameNotResolved, "DPS has no address");
  ASSERT_EQ(life.waits(), 7500ms);
  life.chance(0.25);
  life.happens(event::WorldChanged{"the network has changed"});
  EXPECT_EQ(life.waits(), 250ms);
  EXPECT_EQ(life.reason(), "the network has changed; trying hub-a in 0.3 s");
  life.until_the_deadline();
  life.hub_lost(Fault::NameNotResolved, "hub-a has no address");
  life.chance(0.9);
  life.dps_fails(Fault::NameNotResolved, "DPS has no address");
  EXPECT_EQ(life.waits(), 900ms);  // it may still be on its way: the waits have begun anew
  life.done_since();
  life.happens(event::WorldChanged{"the network has changed"});
  EXPECT_EQ(life.waits(), 900ms);
}

TEST(DecisionTable, AChangeOfTheWorldIsNoNewsToASessionOrAnAttempt) {
  for (Life life : {Life::connected(), trying_hub(), asking_dps(), Life::with_memory()}) {
    const std::string state = life.state();
    life.done_since();
    const auto waits = life.waits();
    life.happens(event::WorldChanged{"the network has changed"});
    EXPECT_EQ(life.done_since(), "");
    EXPECT_EQ(life.state(), state);
    EXPECT_EQ(life.waits(), waits);
  }
}

TEST(DecisionTable, AChangeOfTheWorldDoesNotGoOverWhatDpsAskedForNorOverTheBudget) {
  Life life({});
  life.dps_fails(Fault::DpsThrottled, "DPS answered 429", 60s);
  const auto waits = life.waits();
  life.happens(event::WorldChanged{"the network has changed"});
  EXPECT_EQ(life.waits(), waits);

  DpsBudget spent;
  for (int i = 0; i < 60; ++i) spent.spend(60, WallTime{1'800'000'000s});
  Life poor(std::nullopt, Policy::fast(), {spent, {}});
  poor.happens(event::WorldChanged{"the network has changed"});
  EXPECT_EQ(poor.waits(), 1min);
}

TEST(DecisionTable, AClockThatIsSetBackDoesNotKeepADeviceWithoutABudgetForEver) {
  DpsBudget spent;
  for (int i = 0; i < 60; ++i) spent.spend(60, WallTime{1'800'000'000s});
  Life life(std::nullopt, Policy::fast(), {spent, {}});
  life.set_clock(-10h);
  life.after(3min);
  EXPECT_EQ(life.state(), "Provisioning");
}

}  // namespace
}  // namespace iotc_ha::core::test
