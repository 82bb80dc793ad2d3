#pragma once

#include "attempt.hpp"

#include <atomic>
#include <cstdint>
#include <tuple>
#include <utility>

namespace iotc_ha::provisioning {

/// A connection that is kept for a question to come. The loop gives it one, the thread lets it go when its time is
/// over; whoever is first decides.
class Reserve {
 public:
  using Clock = Https::Clock;

  Reserve(core::Registration whom, Clock::time_point until) : whom_(std::move(whom)), until_(until) {}

  // For the loop
  /// Whether the register of `registration` is the one that was prepared, but for its authorization.
  [[nodiscard]] bool is_for(const core::Registration& registration) const {
    const auto what = [](const core::Registration& of) {
      return std::tie(of.host, of.port, of.ca_file, of.proxy, of.id_scope, of.registration_id, of.model_id);
    };
    return what(whom_) == what(registration);
  }
  [[nodiscard]] bool is_waiting() const { return stage_.load() == Stage::Waiting; }
  void wait_until(Clock::time_point until) { until_.store(until); }
  /// False when it has been let go. Once at most.
  [[nodiscard]] bool give(const Question& question) {
    question_ = question;
    return leave(Stage::Given);
  }
  void drop() { leave(Stage::Dropped); }

  // For the thread
  [[nodiscard]] const core::Registration& whom() const { return whom_; }
  /// Lets go when the time is over.
  [[nodiscard]] bool goes_on() {
    if (is_waiting() && Clock::now() >= until_.load()) drop();
    return stage_.load() != Stage::Dropped;
  }
  /// The question, nothing while there is none.
  [[nodiscard]] const Question* question() const { return stage_.load() == Stage::Given ? &question_ : nullptr; }

 private:
  enum class Stage : std::uint8_t { Waiting, Given, Dropped };

  bool leave(Stage to) {
    Stage from = Stage::Waiting;
    return stage_.compare_exchange_strong(from, to);
  }

  const core::Registration whom_;
  std::atomic<Clock::time_point> until_;
  std::atomic<Stage> stage_{Stage::Waiting};
  Question question_;  // written before Given, read after it
};

}  // namespace iotc_ha::provisioning
