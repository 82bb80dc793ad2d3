#include <iotc_ha/runtime/loop.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace iotc_ha::runtime {
namespace {

/// A failure here is one of memory or of our own use of sd-event: nothing that a running daemon could mend.
void require(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::system_category(), what);
}

std::chrono::microseconds clock_now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds{now.tv_sec} +
         std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds{now.tv_nsec});
}

class SdTimer final : public Loop::Timer {
 public:
  SdTimer(sd_event* event, Task on_time) : on_time_(std::move(on_time)) {
    require(sd_event_add_time(event, &source_, CLOCK_BOOTTIME, UINT64_MAX, 1'000, &SdTimer::fired, this), "timer");
    require(sd_event_source_set_enabled(source_, SD_EVENT_OFF), "timer");
  }
  ~SdTimer() override { sd_event_source_disable_unref(source_); }
  SdTimer(const SdTimer&) = delete;
  SdTimer& operator=(const SdTimer&) = delete;

  void arm(core::Instant when) override {
    const auto since_boot = when.time_since_epoch().count();
    require(sd_event_source_set_time(source_, since_boot > 0 ? static_cast<std::uint64_t>(since_boot) : 0), "timer");
    require(sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT), "timer");
  }
  void disarm() override { require(sd_event_source_set_enabled(source_, SD_EVENT_OFF), "timer"); }

 private:
  static int fired(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self) {
    static_cast<SdTimer*>(self)->on_time_();
    return 0;
  }

  sd_event_source* source_ = nullptr;
  Task on_time_;
};

/// Serves a Pollable: asks before each wait what it wants, and keeps one io and one time source in line with that.
class SdAttachment final : public Loop::Attachment {
 public:
  SdAttachment(sd_event* event, Loop::Pollable& pollable) : event_(event), pollable_(pollable) {
    require(sd_event_add_time(event, &time_, CLOCK_MONOTONIC, UINT64_MAX, 1'000, &SdAttachment::timed, this), "attach");
    // sd-event calls the prepare callback of every enabled source before it waits, so this one stays enabled, also when
    // there is no time-out to wait for (UINT64_MAX is never reached).
    require(sd_event_source_set_prepare(time_, &SdAttachment::prepare), "attach");
    require(sd_event_source_set_enabled(time_, SD_EVENT_ON), "attach");
  }
  ~SdAttachment() override {
    sd_event_source_disable_unref(io_);
    sd_event_source_disable_unref(time_);
  }
  SdAttachment(const SdAttachment&) = delete;
  SdAttachment& operator=(const SdAttachment&) = delete;

 private:
  static int prepare(sd_event_source* /*source*/, void* self) {
    static_cast<SdAttachment*>(self)->refresh();
    return 0;
  }
  static int timed(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self) {
    auto* attachment = static_cast<SdAttachment*>(self);
    // Set before ready() is called: an enabled timer that has fired would fire again at once.
    require(sd_event_source_set_time(attachment->time_, UINT64_MAX), "attach");
    attachment->pollable_.ready();
    return 0;
  }
  static int readable(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
    static_cast<SdAttachment*>(self)->pollable_.ready();
    return 0;
  }

  void refresh() {
    const Loop::Pollable::Wanted wanted = pollable_.wanted();
    if (io_ != nullptr && sd_event_source_get_io_fd(io_) != wanted.fd) io_ = sd_event_source_disable_unref(io_);
    if (wanted.fd >= 0 && io_ == nullptr) {
      require(sd_event_add_io(event_, &io_, wanted.fd, wanted.events, &SdAttachment::readable, this), "attach");
    } else if (io_ != nullptr) {
      require(sd_event_source_set_io_events(io_, wanted.events), "attach");
    }
    // Once it is due it stays as it is: setting a source takes its turn away, and while others always have work (posts,
    // say) it would never come.
    std::uint64_t set = UINT64_MAX;
    require(sd_event_source_get_time(time_, &set), "attach");
    if (set <= static_cast<std::uint64_t>(clock_now(CLOCK_MONOTONIC).count())) return;
    const auto at = wanted.timeout < std::chrono::microseconds::zero()
                        ? UINT64_MAX
                        : static_cast<std::uint64_t>((clock_now(CLOCK_MONOTONIC) + wanted.timeout).count());
    require(sd_event_source_set_time(time_, at), "attach");
  }

  sd_event* event_;
  Loop::Pollable& pollable_;
  sd_event_source* io_ = nullptr;
  sd_event_source* time_ = nullptr;
};

}  // namespace

struct Loop::Inside {
  sd_event* event = nullptr;
  sd_event_source* posted = nullptr;
  int wake_fd = -1;
  std::vector<sd_event_source*> signals;
  std::deque<Task> on_signals;  // a deque: addresses stay

  std::mutex mutex;
  std::condition_variable room;
  std::deque<Task> tasks;
  bool ended = false;
  const std::thread::id owner = std::this_thread::get_id();

  static int run_posted(sd_event_source* /*source*/, int fd, std::uint32_t /*events*/, void* self) {
    eventfd_t count = 0;
    eventfd_read(fd, &count);
    static_cast<Inside*>(self)->run_tasks();
    return 0;
  }

  void run_tasks() {
    std::deque<Task> ready;
    {
      const std::scoped_lock lock(mutex);
      ready.swap(tasks);
    }
    room.notify_all();
    for (Task& task : ready) task();
  }

  static int on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* task) {
    (*static_cast<Task*>(task))();
    return 0;
  }
};

Loop::Loop() : inside_(std::make_unique<Inside>()) {
  require(sd_event_new(&inside_->event), "event loop");
  inside_->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (inside_->wake_fd < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  require(
      sd_event_add_io(inside_->event, &inside_->posted, inside_->wake_fd, EPOLLIN, &Inside::run_posted, inside_.get()),
      "event loop");
}

Loop::~Loop() {
  std::deque<Task> dropped;  // goes after the lock: what a task holds may post when it is destroyed
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->ended = true;
    dropped.swap(inside_->tasks);
  }
  inside_->room.notify_all();
  for (sd_event_source* source : inside_->signals) sd_event_source_disable_unref(source);
  sd_event_source_disable_unref(inside_->posted);
  sd_event_unref(inside_->event);
  close(inside_->wake_fd);
}

void Loop::post(Task task) {
  std::unique_lock lock(inside_->mutex);
  // The loop's own thread never waits here: nobody else would make room.
  if (std::this_thread::get_id() != inside_->owner) {
    inside_->room.wait(lock, [this] { return inside_->ended || inside_->tasks.size() < k_posts_max; });
  }
  if (inside_->ended) return;
  inside_->tasks.push_back(std::move(task));
  // Under the lock: the task may be the one that ends the loop, and with it everything that is touched here.
  eventfd_write(inside_->wake_fd, 1);
}

core::Instant Loop::now() const { return core::Instant{clock_now(CLOCK_BOOTTIME)}; }
core::WallTime Loop::wall_now() const { return core::WallTime{clock_now(CLOCK_REALTIME)}; }

std::unique_ptr<Loop::Timer> Loop::make_timer(Task on_time) {
  return std::make_unique<SdTimer>(inside_->event, std::move(on_time));
}

void Loop::on_signal(int signal_number, Task on_signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  require(-pthread_sigmask(SIG_BLOCK, &set, nullptr), "signal");
  Task& kept = inside_->on_signals.emplace_back(std::move(on_signal));
  sd_event_source* source = nullptr;
  require(sd_event_add_signal(inside_->event, &source, signal_number, &Inside::on_signal, &kept), "signal");
  inside_->signals.push_back(source);
}

std::unique_ptr<Loop::Attachment> Loop::attach(Pollable& pollable) {
  return std::make_unique<SdAttachment>(inside_->event, pollable);
}

int Loop::run() {
  const int code = sd_event_loop(inside_->event);
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->ended = true;
  }
  inside_->room.notify_all();
  return code;
}

void Loop::exit(int code) { require(sd_event_exit(inside_->event, code), "exit"); }

}  // namespace iotc_ha::runtime
