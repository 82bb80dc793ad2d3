#include <iotc_ha/runtime/loop.hpp>

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace iotc_ha::runtime {
namespace {

using namespace std::chrono_literals;

/// A loop that gives up after ten seconds, so that a broken promise fails instead of hanging.
class LoopTest : public ::testing::Test {
 protected:
  LoopTest()
      : limit_(loop_.make_timer([this] {
          ADD_FAILURE() << "the loop was not ended in time";
          loop_.exit(1);
        })) {
    limit_->arm(loop_.now() + 10s);
  }
  Loop loop_;

 private:
  std::unique_ptr<Loop::Timer> limit_;
};

TEST_F(LoopTest, RunsWhatOtherThreadsPostInTheOrderOfEach) {
  constexpr int k_each = 2000;  // together more than may wait at once
  std::vector<int> last(4, -1);
  int seen = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < last.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < k_each; ++i) {
        loop_.post([&, t, i] {
          EXPECT_EQ(last[t] + 1, i);
          last[t] = i;
          if (++seen == 4 * k_each) loop_.exit(0);
        });
      }
    });
  }
  EXPECT_EQ(loop_.run(), 0);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LoopTest, LetsItsOwnThreadPostBeyondTheLimit) {
  std::size_t ran = 0;
  loop_.post([&] {
    for (std::size_t i = 0; i < 2 * Loop::k_posts_max; ++i) loop_.post([&] { ++ran; });
    loop_.post([&] { loop_.exit(0); });
  });
  loop_.run();
  EXPECT_EQ(ran, 2 * Loop::k_posts_max);
}

TEST_F(LoopTest, LetsGoOfAPostingThreadWhenItEnds) {
  loop_.post([&] { loop_.exit(0); });
  loop_.run();
  std::thread late([&] {
    for (std::size_t i = 0; i < 2 * Loop::k_posts_max; ++i) loop_.post([] { FAIL() << "after the end"; });
  });
  late.join();
}

TEST_F(LoopTest, FiresATimerOnceForEachArm) {
  int fired = 0;
  std::unique_ptr<Loop::Timer> timer;
  timer = loop_.make_timer([&] {
    if (++fired == 2) return loop_.exit(0);
    timer->arm(loop_.now() + 1ms);
  });
  const core::Instant begun = loop_.now();
  timer->arm(begun + 20ms);
  loop_.run();
  EXPECT_EQ(fired, 2);
  EXPECT_GE(loop_.now() - begun, 21ms);
}

TEST_F(LoopTest, DoesNotFireADisarmedTimer) {
  auto disarmed = loop_.make_timer([] { FAIL(); });
  auto end = loop_.make_timer([&] { loop_.exit(0); });
  disarmed->arm(loop_.now() + 1ms);
  disarmed->disarm();
  end->arm(loop_.now() + 5ms);
  loop_.run();
}

TEST_F(LoopTest, HandsASignalToItsTask) {
  loop_.on_signal(SIGUSR1, [&] { loop_.exit(7); });
  loop_.post([] { kill(getpid(), SIGUSR1); });
  EXPECT_EQ(loop_.run(), 7);
}

/// A pipe whose read end wants events, and a time-out beside.
class Pipe final : public Loop::Pollable {
 public:
  Pipe() { EXPECT_EQ(pipe(fds_), 0); }
  ~Pipe() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  Wanted wanted() override { return {fds_[0], EPOLLIN, timeout}; }
  void ready() override { on_ready(); }
  void write_one() const { EXPECT_EQ(::write(fds_[1], "x", 1), 1); }
  void read_one() const {
    char c = 0;
    EXPECT_EQ(::read(fds_[0], &c, 1), 1);
  }

  std::chrono::microseconds timeout{-1};
  std::function<void()> on_ready;

 private:
  int fds_[2] = {-1, -1};
};

TEST_F(LoopTest, ServesAPollableOnItsDescriptorAndItsTimeout) {
  Pipe pipe;
  int reads = 0;
  pipe.on_ready = [&] {
    if (reads == 0) {
      pipe.read_one();
      ++reads;
      pipe.timeout = 2ms;  // asked for anew before the next wait
      return;
    }
    loop_.exit(0);
  };
  const auto attachment = loop_.attach(pipe);
  loop_.post([&] { pipe.write_one(); });
  loop_.run();
  EXPECT_EQ(reads, 1);
}

TEST_F(LoopTest, GivesAPollableThatIsDueItsTurnHoweverMuchIsPosted) {
  Pipe pipe;
  int turns = 0;
  pipe.timeout = 0us;
  pipe.on_ready = [&] {
    if (++turns == 100) loop_.exit(0);
  };
  const std::function<void()> post_again = [&] { loop_.post(post_again); };
  post_again();
  const auto attachment = loop_.attach(pipe);
  EXPECT_EQ(loop_.run(), 0);
}

TEST_F(LoopTest, LeavesAPollableAloneOnceDetached) {
  Pipe pipe;
  pipe.on_ready = [] { FAIL(); };
  auto attachment = loop_.attach(pipe);
  pipe.write_one();
  attachment.reset();
  auto end = loop_.make_timer([&] { loop_.exit(0); });
  end->arm(loop_.now() + 5ms);
  loop_.run();
}

}  // namespace
}  // namespace iotc_ha::runtime
