#include <iotc_ha/core/poll_pace.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace iotc_ha::core {
namespace {

using namespace std::chrono_literals;

constexpr Instant k_begin{1h};

/// The moments of the first polls of a registration, each answered `answer_takes` after it went out.
std::vector<std::chrono::milliseconds> polls(PollPace& pace, Instant registered, bool early, std::size_t count,
                                             std::chrono::milliseconds suggested = 3s,
                                             std::chrono::milliseconds answer_takes = 0ms) {
  std::vector<std::chrono::milliseconds> made;
  pace.registered(registered, early);
  Instant answered = registered;
  while (made.size() < count) {
    const Instant when = pace.next(answered, suggested);
    pace.polled(when);
    made.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(when - registered));
    answered = when + answer_takes;
  }
  return made;
}

using Moments = std::vector<std::chrono::milliseconds>;

TEST(PollPace, EarlyPollsComeBeforeThePauseThatDpsSuggestsAndThenItIsTakenAtItsWord) {
  PollPace pace;
  EXPECT_EQ(polls(pace, k_begin, true, 6), (Moments{300ms, 1s, 2500ms, 5500ms, 8500ms, 11'500ms}));
}

TEST(PollPace, WithoutEarlyPollsThePauseOfDpsIsCountedFromItsLastAnswer) {
  PollPace pace;
  EXPECT_EQ(polls(pace, k_begin, false, 3, 3s, 400ms), (Moments{3s, 6400ms, 9800ms}));
}

TEST(PollPace, APauseIsNeverShorterThanDpsTakes) {
  PollPace pace;
  EXPECT_EQ(polls(pace, k_begin, false, 2, 0s), (Moments{2s, 4s}));
}

TEST(PollPace, OverASlowLinkAnEarlyPollThatIsLateFollowsTheAnswerAtOnce) {
  PollPace pace;
  EXPECT_EQ(polls(pace, k_begin, true, 4, 3s, 900ms), (Moments{300ms, 1200ms, 2500ms, 6400ms}));
}

TEST(PollPace, OverAVerySlowLinkNothingIsEarlyAfterTheLastEarlyMoment) {
  PollPace pace;
  EXPECT_EQ(polls(pace, k_begin, true, 2, 3s, 4s), (Moments{300ms, 7300ms}));
}

TEST(PollPace, AThrottledPollEndsTheEarlyOnesOfThisRegistrationAlone) {
  PollPace pace;
  pace.registered(k_begin, true);
  pace.polled(k_begin + 300ms);
  pace.throttled();
  EXPECT_EQ(pace.next(k_begin + 350ms, 7s), k_begin + 7350ms) << "Retry-After is honoured";
  EXPECT_EQ(polls(pace, k_begin + 1min, true, 1), Moments{300ms});
}

TEST(PollPace, PollsOfEarlierRegistrationsCount) {
  PollPace pace;
  polls(pace, k_begin, true, 3);       // until 2.5 s
  polls(pace, k_begin + 3s, true, 2);  // at 3.3 and 4 s
  pace.registered(k_begin + 4500ms, true);
  EXPECT_GE(pace.next(k_begin + 4500ms, 3s), k_begin + 10'300ms);
  EXPECT_LE(pace.next(k_begin + 4500ms, 3s), k_begin + 11s);
}

/// Every sequence of polls: of the same registration or of a new one, early or throttled, with answers at once or late.
class EverySequence {
 public:
  void walk(const PollPace& pace, Instant answered, std::size_t depth) {
    if (depth == 0) return;
    PollPace anew = pace;
    anew.registered(answered, true);
    PollPace throttled = anew;
    throttled.throttled();
    for (const PollPace& each : {pace, anew, throttled}) {
      for (const auto suggested : {0s, 3s}) {
        for (const auto answer_takes : {0s, 3s}) poll(each, answered, suggested, answer_takes, depth);
      }
    }
  }
  [[nodiscard]] std::size_t checked() const { return checked_; }

 private:
  void poll(PollPace pace, Instant answered, std::chrono::seconds suggested, std::chrono::seconds answer_takes,
            std::size_t depth) {
    const Instant when = pace.next(answered, suggested);
    ASSERT_GE(when, answered);
    pace.polled(when);
    polls_.push_back(when);
    ++checked_;
    if (polls_.size() > PollPace::k_polls_max) {
      const Instant sixth_last = polls_[polls_.size() - 1 - PollPace::k_polls_max];
      ASSERT_GT(when - sixth_last, PollPace::k_polls_span);
    }
    walk(pace, when + answer_takes, depth - 1);
    polls_.pop_back();
  }

  std::vector<Instant> polls_;
  std::size_t checked_ = 0;
};

TEST(PollPace, NeverMakesMorePollsThanDpsTakesWhateverTheSequence) {
  EverySequence every;
  PollPace pace;
  pace.registered(k_begin, true);
  every.walk(pace, k_begin, PollPace::k_polls_max + 1);
  EXPECT_EQ(every.checked(), 12U + 144U + 1'728U + 20'736U + 248'832U + 2'985'984U);
}

}  // namespace
}  // namespace iotc_ha::core
