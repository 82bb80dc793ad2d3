#include <iotc_ha/core/link_watch.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;
using Duration = Instant::duration;
using Question = LinkWatch::Question;
using Verdict = LinkWatch::Verdict;
using Verdicts = std::vector<Verdict>;
using testing::ElementsAre;

constexpr std::size_t k_small = 200;
/// The id of a probe; telemetry counts from 1.
constexpr std::uint64_t k_probe_id = 1'000'000;

/// A link and the owner of its watch, in simulated time. `answer_after` says how long the hub takes for a question, and
/// nothing when it never answers. Answers come in the order in which the link brings them.
struct World {
  using Answering = std::function<std::optional<Duration>(Question)>;

  explicit World(Answering answering, std::optional<Duration> connect = {}, LinkWatch its_watch = {})
      : answer_after(std::move(answering)), watch(std::move(its_watch)) {
    watch.session_opened(now, connect);
  }

  struct Answer {
    Question question;
    std::uint64_t id;
    Instant at;
  };
  void ask(Question question, std::uint64_t id, std::size_t bytes = k_small) {
    watch.asked(question, id, bytes, now);
    const auto after = answer_after(question);
    if (!after) return;
    const Instant at = now + *after;
    const auto later = [&](const Answer& each) { return each.at > at; };
    answers.insert(std::find_if(answers.begin(), answers.end(), later), {question, id, at});
  }
  void ask_telemetry() { ask(Question::Telemetry, ++asked); }

  /// Goes on until `until`, or until the watch declares the hub dead.
  void run_until(Instant until) {
    while (!dead_at) {
      const auto deadline = watch.deadline();
      const bool answer_first = !answers.empty() && (!deadline || answers.front().at <= *deadline);
      if (!answer_first && !deadline) break;
      const Instant next = std::max(now, answer_first ? answers.front().at : *deadline);
      if (next > until) break;
      now = next;
      answer_first ? take_answer() : look();
    }
    if (!dead_at) now = until;
  }
  /// Sends `count` messages, one each `period`.
  void send(std::uint64_t count, Duration period) {
    for (std::uint64_t i = 0; i < count && !dead_at; ++i) {
      ask_telemetry();
      run_until(now + period);
    }
  }

  void take_answer() {
    const Answer answer = answers.front();
    answers.pop_front();
    if (answer.question == Question::Twin) probe_is_under_way = false;
    watch.answered(answer.question, answer.id, now);
  }
  void look() {
    const Verdict verdict = watch.look(now);
    if (verdict == Verdict::Well) return;
    verdicts.push_back(verdict);
    if (verdict == Verdict::Dead) dead_at = now;
    const bool wants_probe = verdict == Verdict::Suspect || verdict == Verdict::Probe;
    if (!wants_probe || probe_is_under_way) return;
    probe_is_under_way = true;
    ++probes;
    ask(Question::Twin, k_probe_id + probes);
  }

  Answering answer_after;
  LinkWatch watch;
  Instant now{1'000s};
  std::deque<Answer> answers;  // by time
  std::uint64_t asked = 0;
  std::uint64_t probes = 0;
  bool probe_is_under_way = false;
  Verdicts verdicts;
  std::optional<Instant> dead_at;
};

World::Answering always(std::optional<Duration> after) {
  return [after](Question) { return after; };
}

/// One that has answered often enough to be known.
World quick_link() {
  World world{always(50ms)};
  world.send(20, 5s);
  return world;
}

TEST(LinkWatch, AsksForNothingWhileTheHubOwesNothing) {
  World world = quick_link();
  EXPECT_THAT(world.verdicts, ElementsAre());
  EXPECT_EQ(world.watch.deadline(), std::nullopt);
  EXPECT_EQ(world.watch.look(world.now + 1h), Verdict::Well);
  EXPECT_EQ(world.watch.owed_for(world.now), 0s);
  EXPECT_EQ(world.watch.oldest(), std::nullopt);
}

TEST(LinkWatch, AQuickLinkIsSuspectAfterASecondAndDeadAfterFour) {
  World world = quick_link();
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.ask_telemetry();
  world.run_until(begin + 1s);
  EXPECT_THAT(world.verdicts, ElementsAre(Verdict::Suspect));
  EXPECT_EQ(world.watch.owed_for(world.now), 1s);
  EXPECT_EQ(world.watch.oldest(), Question::Telemetry);
  world.run_until(begin + 1h);
  EXPECT_THAT(world.verdicts, ElementsAre(Verdict::Suspect, Verdict::Probe, Verdict::Dead));
  EXPECT_EQ(world.dead_at, begin + 4s);
}

TEST(LinkWatch, ALinkOfAHundredMillisecondsIsQuickFromItsFirstAnswerOn) {
  World world{always(100ms)};
  world.send(1, 5s);
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.send(10, 1s);
  EXPECT_EQ(world.dead_at, begin + 4s);
}

TEST(LinkWatch, TheLimitsAreThoseOfThePolicy) {
  World world = quick_link();
  world.watch.set_limits({.suspect_after = 5s, .silent_after = 30s});
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.ask_telemetry();
  world.run_until(begin + 5s);
  EXPECT_THAT(world.verdicts, ElementsAre(Verdict::Suspect));
  world.run_until(begin + 1h);
  EXPECT_EQ(world.dead_at, begin + 30s);
}

TEST(LinkWatch, AnAnswerRelievesAndTheClockOfWhatIsOwedBeginsAnew) {
  World world = quick_link();
  world.answer_after = always(3s);
  world.ask_telemetry();
  world.run_until(world.now + 1'500ms);
  world.answer_after = always(std::nullopt);
  world.ask_telemetry();
  const Instant answer = world.now + 1'500ms;
  world.run_until(answer);
  EXPECT_THAT(world.verdicts, ElementsAre(Verdict::Suspect, Verdict::Relieved));
  EXPECT_GT(world.watch.deadline(), answer + 1s);
}

Duration time_to_death_without_any_answer(std::optional<Duration> connect) {
  World world{always(std::nullopt), connect};
  const Instant begin = world.now;
  world.send(100, 1s);
  return world.dead_at.value_or(begin) - begin;
}

TEST(LinkWatch, BeforeTheFirstAnswerItGoesByTheConnect) {
  EXPECT_EQ(time_to_death_without_any_answer({}), 10s);
  EXPECT_EQ(time_to_death_without_any_answer(60ms), 4s);
  EXPECT_EQ(time_to_death_without_any_answer(400ms), 9'600ms);
  EXPECT_EQ(time_to_death_without_any_answer(6s), 60s);
}

TEST(LinkWatch, WhoSleptHimselfListensBeforeHeJudges) {
  World world = quick_link();
  world.watch.asked(Question::Telemetry, 100, k_small, world.now);
  const Instant woken = world.now + 20s;
  EXPECT_EQ(world.watch.look(woken), Verdict::Suspect);
  EXPECT_EQ(world.watch.look(woken + 999ms), Verdict::Well);
  EXPECT_EQ(world.watch.look(woken + 1s), Verdict::Dead);
  EXPECT_EQ(world.watch.look(woken + 2s), Verdict::Dead);
}

TEST(LinkWatch, ALargeMessageHasTimeForItsBytes) {
  World world = quick_link();
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.ask(Question::Telemetry, 100, 80'000);  // 10 s at 8 kB/s
  world.run_until(begin + 1h);
  EXPECT_EQ(world.dead_at, begin + 14s);
}

TEST(LinkWatch, WhatALargeMessageTakesIsNotTheLinksRoundTrip) {
  World world = quick_link();
  world.answer_after = always(8s);
  world.ask(Question::Telemetry, 100, 80'000);
  world.run_until(world.now + 20s);
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.ask_telemetry();
  world.run_until(begin + 1h);
  EXPECT_EQ(world.dead_at, begin + 4s);
}

// ---- A slow link that lives

/// Round trips of 2 s, one packet in ten lost, TCP's timer at 3 s and doubling; what was sent after a lost packet waits
/// for it. Nothing is lost more than four times in a row: by then Paho's own pings have given up.
struct SlowLink {
  explicit SlowLink(std::uint64_t seed) : state(seed) {}

  bool lost() {
    state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    return (state >> 33U) % 10 == 0;
  }
  Duration answer_after(Instant now) {
    Duration takes = 2s;
    Duration timer = 3s;
    for (unsigned times = 0; times < 4 && lost(); ++times) {
      takes += timer;
      timer *= 2;
    }
    last_answer = std::max(last_answer, now + takes);
    return last_answer - now;
  }

  std::uint64_t state;
  Instant last_answer{};
};

void expect_that_a_slow_link_lives(std::uint64_t seed, Duration period) {
  SlowLink link{seed};
  World* there = nullptr;
  World world{[&](Question) { return link.answer_after(there->now); }, 6s};
  there = &world;
  world.send(10'000, period);
  EXPECT_EQ(world.dead_at, std::nullopt) << "after " << world.asked << " messages, with seed " << seed;
}

TEST(LinkWatch, ASlowLinkThatLosesPacketsIsNeverDeclaredDead) {
  for (const Duration period : {Duration{1s}, Duration{5s}, Duration{20s}}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) expect_that_a_slow_link_lives(seed, period);
  }
}

TEST(LinkWatch, NorIsItWhenTheVeryFirstPacketsAreLost) {
  for (const Duration first : {5s, 11s, 23s}) {
    World world{always(first), 6s};
    world.send(1, 30s);
    EXPECT_EQ(world.dead_at, std::nullopt) << first.count();
  }
}

TEST(LinkWatch, ASlowLinkThatIsCutIsDeadWithinAMinute) {
  World world{always(2s), 8s};
  world.send(100, 5s);
  EXPECT_THAT(world.verdicts, ElementsAre());
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.send(100, 5s);
  ASSERT_TRUE(world.dead_at);
  EXPECT_LE(*world.dead_at, begin + 60s);
}

// ---- A hub that takes its time

World::Answering only_twin(std::optional<Duration> telemetry) {
  return
      [telemetry](Question question) { return question == Question::Twin ? std::optional<Duration>{50ms} : telemetry; };
}

TEST(LinkWatch, AHubThatDelaysTelemetryIsSlowAndNotDead) {
  World world = quick_link();
  world.answer_after = only_twin(20s);
  world.send(1'000, 1s);
  EXPECT_EQ(world.dead_at, std::nullopt);
  EXPECT_LT(world.probes, 20U);
}

TEST(LinkWatch, AHubThatNeverAcknowledgesTelemetryIsGivenUpAfterAMinuteAndProbedEverMoreRarely) {
  World world = quick_link();
  world.answer_after = only_twin(std::nullopt);
  const Instant begin = world.now;
  world.send(1'000, 1s);
  EXPECT_EQ(world.dead_at, begin + 1s + 50ms + 60s);
  EXPECT_EQ(world.probes, 6U);
  EXPECT_EQ(world.verdicts.at(0), Verdict::Suspect);
  EXPECT_EQ(world.verdicts.at(1), Verdict::Relieved);
}

TEST(LinkWatch, AHubThatDelaysTelemetryAndThenDiesIsFoundByTheNextProbe) {
  World world = quick_link();
  world.answer_after = only_twin(std::nullopt);
  world.send(3, 1s);
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.send(100, 1s);
  ASSERT_TRUE(world.dead_at);
  EXPECT_LE(*world.dead_at, begin + 10s);
}

TEST(LinkWatch, ATwinQuestionThatTheHubForgotDoesNotHideItsDeath) {
  World world = quick_link();
  world.watch.asked(Question::Twin, 7, k_small, world.now);  // never answered
  world.send(4, 5s);
  EXPECT_EQ(world.dead_at, std::nullopt);
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.send(100, 1s);
  EXPECT_EQ(world.dead_at, begin + 4s);
}

TEST(LinkWatch, ABacklogThatIsAcknowledgedOneByOneIsNoSilence) {
  World world = quick_link();
  for (std::uint64_t i = 0; i < 500; ++i) {
    world.answer_after = always((i + 1) * 100ms);
    world.ask_telemetry();
  }
  world.run_until(world.now + 60s);
  EXPECT_THAT(world.verdicts, ElementsAre());
}

// ---- Patience

Duration time_to_death(LinkWatch& watch, Instant begin) {
  World world{always(std::nullopt), {}, watch};
  world.now = begin;
  world.watch.session_opened(begin);
  world.watch.asked(Question::Telemetry, 1, k_small, begin);
  world.watch.answered(Question::Telemetry, 1, begin + 50ms);
  world.now = begin + 100ms;
  world.ask(Question::Telemetry, 2);
  world.run_until(begin + 1h);
  watch = world.watch;
  return world.dead_at.value_or(begin) - begin - 100ms;
}

TEST(LinkWatch, AfterASessionThatItGaveUpTheNextOneGetsTwiceThePatienceWithinALimit) {
  LinkWatch watch;
  const Instant begin{1'000s};
  EXPECT_EQ(time_to_death(watch, begin), 4s);
  watch.session_ended(true);
  EXPECT_EQ(time_to_death(watch, begin), 8s);
  watch.session_ended(true);
  EXPECT_EQ(time_to_death(watch, begin), 16s);
  watch.session_ended(true);
  EXPECT_EQ(time_to_death(watch, begin), 16s);
  watch.session_ended(false);
  EXPECT_EQ(time_to_death(watch, begin), 4s);
}

TEST(LinkWatch, AMinuteOfGoodAnswersEndsThePatience) {
  LinkWatch watch;
  watch.session_ended(true);
  World world{always(50ms), {}, watch};
  world.send(13, 5s);
  world.answer_after = always(std::nullopt);
  const Instant begin = world.now;
  world.ask_telemetry();
  world.run_until(begin + 1h);
  EXPECT_EQ(world.dead_at, begin + 4s);
}

TEST(LinkWatch, ASessionThatEndedOwesNothing) {
  World world = quick_link();
  world.watch.asked(Question::Telemetry, 100, k_small, world.now);
  world.watch.session_ended(false);
  EXPECT_EQ(world.watch.deadline(), std::nullopt);
  EXPECT_EQ(world.watch.look(world.now + 1h), Verdict::Well);
}

TEST(LinkWatch, RemembersABoundedNumberOfQuestions) {
  World world = quick_link();
  for (std::uint64_t id = 1; id <= LinkWatch::k_owed_max + 10; ++id) {
    world.watch.asked(Question::Telemetry, 100 + id, k_small, world.now);
  }
  for (std::uint64_t id = 1; id <= LinkWatch::k_owed_max; ++id) {
    world.watch.answered(Question::Telemetry, 100 + id, world.now);
  }
  EXPECT_EQ(world.watch.oldest(), std::nullopt);
}

}  // namespace
}  // namespace iotc_ha::core
