#pragma once

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
#include <variant>

namespace iotc_ha::ground {

/// A subject on a loop of its own thread, and every notice of it (a variant) in the order in which they came.
template <typename Subject, typename Notice>
class OnItsLoop {
 public:
  using Take = std::function<void(Notice)>;
  using Make = std::function<std::unique_ptr<Subject>(runtime::Loop&, Take)>;
  /// What its owner does from within a notice, on the loop thread.
  using Reaction = std::function<void(Subject&, const Notice&)>;

  explicit OnItsLoop(
      const Make& make, Reaction reaction = [](Subject&, const Notice&) {})
      : reaction_(std::move(reaction)) {
    std::promise<void> ready;
    thread_ = std::thread([this, &make, &ready] {
      runtime::Loop loop;
      auto subject = make(loop, [this](Notice notice) { take(std::move(notice)); });
      loop_ = &loop;
      subject_ = subject.get();
      ready.set_value();
      loop.run();
      subject.reset();
    });
    ready.get_future().wait();
  }
  ~OnItsLoop() {
    loop_->post([this] { loop_->exit(0); });
    thread_.join();
  }
  OnItsLoop(const OnItsLoop&) = delete;
  OnItsLoop& operator=(const OnItsLoop&) = delete;

  /// Runs `call` on the loop thread and waits for its end.
  void run(const std::function<void(Subject&)>& call) {
    std::promise<void> done;
    loop_->post([&] {
      call(*subject_);
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

  /// Everything that has come and was not taken.
  std::deque<Notice> left() {
    const std::scoped_lock lock(mutex_);
    return notices_;
  }

 private:
  void take(Notice notice) {
    reaction_(*subject_, notice);
    const std::scoped_lock lock(mutex_);
    notices_.push_back(std::move(notice));
    changed_.notify_all();
  }

  const Reaction reaction_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notice> notices_;
  runtime::Loop* loop_ = nullptr;
  Subject* subject_ = nullptr;
  std::thread thread_;
};

}  // namespace iotc_ha::ground
