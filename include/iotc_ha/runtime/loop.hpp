#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;

namespace iotc_ha::runtime {

using Task = std::function<void()>;
/// How a worker or a library's callback hands its news to the loop thread: the only thing that they know of it.
using Post = std::function<void(Task)>;

/// The one thread that decides. Wraps sd-event. Every member but post() is for the loop's own thread, which is the one
/// that made it.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs `task` on the loop thread, in the order of the calls. Any thread. Blocks while `k_posts_max` tasks wait, so
  /// that a hub that floods us is slowed down rather than our memory filled; drops the task once the loop has ended.
  void post(Task task);
  [[nodiscard]] Post poster() {
    return [this](Task task) { post(std::move(task)); };
  }

  [[nodiscard]] core::Instant now() const;        ///< CLOCK_BOOTTIME
  [[nodiscard]] core::WallTime wall_now() const;  ///< CLOCK_REALTIME

  /// A timer; it fires once for each arm(). Destroying it disarms it.
  class Timer {
   public:
    virtual ~Timer() = default;
    virtual void arm(core::Instant when) = 0;
    virtual void disarm() = 0;
  };
  [[nodiscard]] std::unique_ptr<Timer> make_timer(Task on_time);

  /// Calls `on_signal` on the loop for a POSIX signal, which is blocked for this and every later thread.
  void on_signal(int signal_number, Task on_signal);

  /// A library with a file descriptor of its own to be served by this loop, e.g. a D-Bus connection.
  class Pollable {
   public:
    struct Wanted {
      int fd = -1;                            ///< -1: nothing to watch now
      std::uint32_t events = 0;               ///< EPOLLIN, EPOLLOUT
      std::chrono::microseconds timeout{-1};  ///< from now on; negative: none
    };
    virtual ~Pollable() = default;
    virtual Wanted wanted() = 0;  ///< asked before each wait
    virtual void ready() = 0;     ///< an event, or the time-out
  };
  /// Serves `pollable` until the answer is destroyed. The caller owns both, and `pollable` must live longer.
  class Attachment {
   public:
    virtual ~Attachment() = default;
  };
  [[nodiscard]] std::unique_ptr<Attachment> attach(Pollable& pollable);

  int run();            ///< until exit(); returns its code
  void exit(int code);  ///< ends run() after the present task

  static constexpr std::size_t k_posts_max = 4096;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::runtime
