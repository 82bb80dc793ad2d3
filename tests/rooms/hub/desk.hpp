#pragma once

#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace iotc_ha::hub_test {

/// hub::Sessions on a loop of its own thread, and every notice in the order in which it came.
class Desk {
 public:
  /// What its owner does from within a notice, on the loop thread.
  using Reaction = std::function<void(hub::Sessions&, const hub::Notice&)>;

  explicit Desk(Reaction reaction = [](hub::Sessions&, const hub::Notice&) {}) : reaction_(std::move(reaction)) {
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] {
      runtime::Loop loop;
      auto sessions = std::make_unique<hub::Sessions>(loop, [this](hub::Notice notice) { take(std::move(notice)); });
      loop_ = &loop;
      sessions_ = sessions.get();
      ready.set_value();
      loop.run();
      sessions.reset();
    });
    ready.get_future().wait();
  }
  ~Desk() {
    loop_->post([this] { loop_->exit(0); });
    thread_.join();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// Runs `call` on the loop thread and waits for its end.
  void run(const std::function<void(hub::Sessions&)>& call) {
    std::promise<void> done;
    loop_->post([&] {
      call(*sessions_);
      done.set_value();
    });
    done.get_future().wait();
  }

  /// Waits for the next notice of this kind that satisfies `which`, and takes it. Others stay.
  template <typename Kind>
  std::optional<Kind> wait_for(
      std::chrono::milliseconds limit,
      const std::function<bool(const Kind&)>& which = [](const Kind&) { return true; }) {
    std::unique_lock lock(mutex_);
    std::optional<Kind> found;
    changed_.wait_for(lock, limit, [&] {
      for (auto each = notices_.begin(); each != notices_.end(); ++each) {
        const Kind* kind = std::get_if<Kind>(&*each);
        if (kind == nullptr || !which(*kind)) continue;
        found = *kind;
        notices_.erase(each);
        return true;
      }
      return false;
    });
    return found;
  }

  /// Gives the receipt of what has come.
  void stored(const hub::CommandReceived& command) {
    run([&](hub::Sessions& /*sessions*/) { command.receipt->stored(); });
  }

  /// Everything that has come and was not taken.
  std::deque<hub::Notice> left() {
    const std::scoped_lock lock(mutex_);
    return notices_;
  }

 private:
  void take(hub::Notice notice) {
    reaction_(*sessions_, notice);
    const std::scoped_lock lock(mutex_);
    notices_.push_back(std::move(notice));
    changed_.notify_all();
  }

  const Reaction reaction_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<hub::Notice> notices_;
  runtime::Loop* loop_ = nullptr;
  hub::Sessions* sessions_ = nullptr;
  std::thread thread_;
};

}  // namespace iotc_ha::hub_test
