#include <iotc_ha/runtime/worker.hpp>

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace iotc_ha::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Worker, RunsItsJobsInOrder) {
  std::vector<int> order;
  std::promise<void> done;
  Worker worker("test", 100);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(worker.post([&, i] { order.push_back(i); }));
  ASSERT_TRUE(worker.post([&] { done.set_value(); }));
  ASSERT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
  ASSERT_EQ(order.size(), 50U);
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i));
}

TEST(Worker, RefusesAJobWhenItsQueueIsFull) {
  std::promise<void> running;
  std::promise<void> release;
  Worker worker("test", 2);
  ASSERT_TRUE(worker.post([&] {
    running.set_value();
    release.get_future().wait();
  }));
  running.get_future().wait();
  EXPECT_TRUE(worker.post([] {}));
  EXPECT_TRUE(worker.post([] {}));
  EXPECT_FALSE(worker.post([] {}));
  release.set_value();
}

TEST(Worker, KnowsForHowLongItsJobHasBeenRunning) {
  std::promise<void> running;
  std::promise<void> release;
  Worker worker("test", 2);
  ASSERT_TRUE(worker.post([&] {
    running.set_value();
    release.get_future().wait();
  }));
  running.get_future().wait();
  const auto first = worker.busy_for();
  ASSERT_TRUE(first);
  while (*worker.busy_for() == *first) std::this_thread::yield();
  EXPECT_GT(*worker.busy_for(), *first);
  release.set_value();
}

TEST(Worker, WaitsForTheJobThatRunsWhenItGoes) {
  std::promise<void> running;
  bool finished = false;
  {
    Worker worker("test", 2);
    ASSERT_TRUE(worker.post([&] {
      running.set_value();
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
      finished = true;
    }));
    running.get_future().wait();
  }
  EXPECT_TRUE(finished);
}

TEST(Worker, CanBeLeftBehindInACallThatNeverReturns) {
  // Shared with the thread, which outlives this test.
  auto never = std::make_shared<std::promise<void>>();
  auto running = std::make_shared<std::promise<void>>();
  auto worker = std::make_unique<Worker>("test", 2);
  ASSERT_TRUE(worker->post([never, running] {
    running->set_value();
    never->get_future().wait();
  }));
  running->get_future().wait();
  worker->abandon();
  EXPECT_FALSE(worker->post([] {}));
  worker.reset();  // returns
  never->set_value();
}

}  // namespace
}  // namespace iotc_ha::runtime
