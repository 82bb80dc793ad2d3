#pragma once

#include "certificates.hpp"
#include "dps_server.hpp"
#include "question.hpp"

#include <iotc_ha/provisioning/client.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace iotc_ha::provisioning {

using namespace std::chrono_literals;

/// The loop thread's side of Post: the test's thread, which runs what the client posts.
class Inbox {
 public:
  void post(runtime::Task task) {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    arrived_.notify_all();
  }
  /// The next task, which is left to the caller to run; nothing when none comes within the limit.
  std::optional<runtime::Task> next(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, limit, [this] { return !tasks_.empty(); })) return std::nullopt;
    runtime::Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<runtime::Task> tasks_;
};

/// What was told before the end of an attempt: "sent" or "throttled".
using Told = std::vector<std::pair<core::AttemptId, std::string>>;

class Provisioning : public testing::Test {
 protected:
  DpsServer& serve(std::vector<Says> says, Identity identity = authority().issue("IP:127.0.0.1")) {
    return servers_.emplace_back(std::move(identity), std::move(says));
  }

  /// The next end of an attempt that is delivered; what was told before it is in told_.
  std::optional<core::Registered> next_answer(std::chrono::milliseconds limit = DpsServer::k_long_time) {
    while (answers_.empty()) {
      const auto task = inbox_.next(limit);
      if (!task) return std::nullopt;
      (*task)();
    }
    core::Registered answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  void on_notice(core::RegistrationNotice notice) {
    if (const auto* sent = std::get_if<core::RegistrationSent>(&notice)) told_.emplace_back(sent->attempt, "sent");
    if (const auto* busy = std::get_if<core::PollThrottled>(&notice)) told_.emplace_back(busy->attempt, "throttled");
    if (auto* end = std::get_if<core::Registered>(&notice)) answers_.push_back(std::move(*end));
  }
  /// Until the connection is there: on a slow machine the handshake may take longer than one is held.
  [[nodiscard]] bool prepare(DpsServer& dps) {
    for (auto left = DpsServer::k_long_time; left > 0ms; left -= 500ms) {
      client_->prepare(registration(dps.port()));
      if (dps.wait_for_connections(1, 500ms)) return true;
    }
    return false;
  }
  core::Result<core::Assignment> ask(const core::Registration& registration) {
    client_->register_device(core::AttemptId{++attempts_}, registration);
    const auto answer = next_answer();
    if (!answer) {
      ADD_FAILURE() << "no answer";
      return core::fail(core::Fault::Cancelled, "no answer");
    }
    EXPECT_EQ(answer->attempt, core::AttemptId{attempts_});
    return answer->assignment;
  }
  /// The error of one attempt against a server that says this.
  core::Error error_of(std::vector<Says> says, std::chrono::milliseconds timeout = 30s) {
    const auto result = ask(registration(serve(std::move(says)).port(), timeout));
    EXPECT_FALSE(result);
    return result ? core::Error{core::Fault::Cancelled, "no error", {}} : result.error();
  }
  void start_client() {
    client_.emplace([this](runtime::Task task) { inbox_.post(std::move(task)); },
                    [this](core::RegistrationNotice notice) { on_notice(std::move(notice)); });
  }
  void SetUp() override { start_client(); }

  // The servers end after the client: they wait for their connections to be closed.
  std::list<DpsServer> servers_;
  Inbox inbox_;
  std::deque<core::Registered> answers_;
  Told told_;
  std::uint64_t attempts_ = 0;
  std::optional<Client> client_;
};

}  // namespace iotc_ha::provisioning
