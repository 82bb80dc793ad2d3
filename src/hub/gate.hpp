#pragma once

#include <iotc_ha/runtime/loop.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace iotc_ha::hub {

/// The way from Paho's threads to the loop. It is shut when we go, because a Paho that hung may come back later than
/// the loop lives.
class Gate {
 public:
  explicit Gate(runtime::Loop& loop) : loop_(loop) {}

  void post(runtime::Task task) {
    ++inside_;
    if (open_) loop_.post(std::move(task));
    --inside_;
  }
  /// Waits for who is passing through.
  void shut(std::chrono::milliseconds limit) {
    open_ = false;
    for (const auto end = std::chrono::steady_clock::now() + limit; inside_ > 0; std::this_thread::yield()) {
      if (std::chrono::steady_clock::now() > end) return;
    }
  }

 private:
  runtime::Loop& loop_;
  std::atomic<bool> open_ = true;
  std::atomic<int> inside_ = 0;
};

}  // namespace iotc_ha::hub
