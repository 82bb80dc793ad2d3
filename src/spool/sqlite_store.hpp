#pragma once

#include "gathering.hpp"
#include "queue.hpp"
#include "turn.hpp"

#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/runtime/worker.hpp>
#include <iotc_ha/spool/store.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::spool {

/// The loop's side: gathers what is asked for, and gives the worker one turn at a time.
class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Queue> queue, const Limits& limits, runtime::Loop& loop)
      : loop_(loop),
        limits_(limits),
        queue_(std::move(queue)),
        remembered_(queue_->remembered()),
        standing_(queue_->standing(limits, moment())),
        flush_timer_(loop.make_timer([this] { flush(); })),
        look_timer_(loop.make_timer([this] { look(); })),
        retry_timer_(loop.make_timer([this] { schedule(); })),
        worker_("spool", 1) {
    untold_ = queue_->take_dropped();
    arm_look();
  }

  void listen(Listener listener) override;
  void set_limits(const Limits& limits) override;
  core::Result<std::optional<core::Remembered>> remembered(const AssignmentKey& key) override;
  void remember(AssignmentKey key, core::Remembered remembered, std::function<void(core::Result<void>)> done) override;
  void append(std::vector<core::Submission> messages, std::function<void(core::Result<core::Sequences>)> done) override;
  void next(std::uint64_t after, std::size_t count, std::uint64_t bytes,
            std::function<void(std::vector<core::Telemetry>)> done) override;
  void release() override;
  void acknowledge(std::uint64_t sequence, const std::string& hub) override;
  void quarantine(std::uint64_t sequence, const std::string& why) override;
  void replay(const std::string& hub) override;
  core::Result<Documents> documents() override;
  void keep(std::string name, std::string text, std::function<void(core::Result<void>)> done) override;
  core::Result<std::vector<core::DurableCommand>> commands() override;
  void take(core::DurableCommand command,
            std::function<void(core::Result<std::optional<std::uint64_t>>)> done) override;
  void complete(std::uint64_t id, std::function<void(core::Result<void>)> done) override;
  void settle(std::function<void()> done) override;
  [[nodiscard]] core::SpoolFigures figures() const override;
  [[nodiscard]] bool empty_up_to(std::uint64_t sequence) const override {
    return standing_.first_queued == 0 || standing_.first_queued > sequence;
  }
  [[nodiscard]] std::uint64_t last_sequence() const override { return standing_.last_sequence; }
  void accounts(std::function<void(core::Result<std::vector<core::Account>>)> done) override;
  [[nodiscard]] std::optional<std::chrono::microseconds> stuck_for() const override { return worker_.busy_for(); }
  void abandon() override { worker_.abandon(); }

 private:
  static constexpr std::size_t k_acknowledged_max = 1000;  ///< that wait for company on their way to the disk

  /// Whoever waits for next().
  struct Asking {
    Question question;
    std::function<void(std::vector<core::Telemetry>)> done;
    bool looked = false;  ///< there was nothing; only what is appended, or queued again, can be an answer
    bool in_turn = false;
  };

  [[nodiscard]] Moment moment() const { return {loop_.now(), loop_.wall_now()}; }
  template <typename Done, typename Answer>
  void answer_later(Done done, Answer answer) {
    loop_.post([alive = std::weak_ptr(alive_), done = std::move(done), answer = std::move(answer)] {
      if (!alive.expired()) done(answer);
    });
  }

  void schedule();
  void flush();
  void look();
  void arm_look();
  [[nodiscard]] bool must_write() const;
  [[nodiscard]] bool must_ask() const;
  void start_turn();
  void finish_turn(Turn& turn, Outcome& outcome);
  void answer_all(Gathering& waiting, const Turn& turn, Outcome& outcome);
  void answer_inbox(Gathering& waiting, Outcome& outcome);
  template <typename Answer>
  core::Result<Answer> ask_worker(std::function<core::Result<Answer>(Queue&)> question);
  void hand_out(std::vector<HandedOut>&& messages);
  void tell_of_trouble(const Outcome& outcome, bool wrote);
  std::uint64_t left(std::uint64_t sequence);
  void figures_changed_later();

  runtime::Loop& loop_;
  Limits limits_;
  const std::shared_ptr<Queue> queue_;  // shared with the jobs: one may outlive us when it is abandoned
  RememberedHubs remembered_;
  Listener listener_;
  std::vector<core::Dropped> untold_;  ///< before anybody listened

  Gathering gathering_;
  Gathering running_;  ///< who waits for the turn that the worker does
  std::optional<Asking> asking_;
  std::map<std::uint64_t, std::uint64_t> handed_out_;  ///< number and bytes of what is on its way
  Standing standing_;
  bool scheduled_ = false;
  bool busy_ = false;
  bool flush_due_ = false;
  bool look_due_ = false;
  bool announced_ = false;
  bool troubled_ = false;  ///< told, and nothing was written since
  core::Instant retry_at_{};

  std::unique_ptr<runtime::Loop::Timer> flush_timer_;
  std::unique_ptr<runtime::Loop::Timer> look_timer_;
  std::unique_ptr<runtime::Loop::Timer> retry_timer_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< what is posted to the loop comes to nothing without
  runtime::Worker worker_;                                      ///< last: its job ends before what it works with does
};

}  // namespace iotc_ha::spool
