#include <iotc_ha/runtime/worker.hpp>

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace iotc_ha::runtime {

struct Worker::Inside {
  using Clock = std::chrono::steady_clock;

  const std::size_t jobs_max;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool ending = false;
  std::optional<Clock::time_point> busy_since;
  std::thread thread;

  explicit Inside(std::size_t max) : jobs_max(max) {}

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || !jobs.empty(); });
      if (ending) return;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      busy_since = Clock::now();
      lock.unlock();
      job();
      job = nullptr;  // what the job holds goes here, on its own thread, before we count as idle
      lock.lock();
      busy_since.reset();
    }
  }
};

Worker::Worker(std::string name, std::size_t jobs_max) : inside_(std::make_shared<Inside>(jobs_max)) {
  inside_->thread = std::thread([inside = inside_, name = std::move(name)] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    inside->run();
  });
}

Worker::~Worker() {
  std::deque<Job> dropped;
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->ending = true;
    dropped.swap(inside_->jobs);
  }
  inside_->changed.notify_all();
  if (inside_->thread.joinable()) inside_->thread.join();
}

bool Worker::post(Job job) {
  {
    const std::scoped_lock lock(inside_->mutex);
    if (inside_->ending || inside_->jobs.size() >= inside_->jobs_max) return false;
    inside_->jobs.push_back(std::move(job));
  }
  inside_->changed.notify_one();
  return true;
}

std::optional<std::chrono::microseconds> Worker::busy_for() const {
  const std::scoped_lock lock(inside_->mutex);
  if (!inside_->busy_since) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::microseconds>(Inside::Clock::now() - *inside_->busy_since);
}

void Worker::abandon() {
  const std::scoped_lock lock(inside_->mutex);
  inside_->ending = true;
  if (inside_->thread.joinable()) inside_->thread.detach();
  inside_->changed.notify_all();
}

}  // namespace iotc_ha::runtime
