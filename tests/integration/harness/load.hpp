#pragma once

#include "caller.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace iotc_ha::integration {

/// What a caller was told: the number of each message that was accepted, and its text. No two texts are equal.
using Accepted = std::map<std::uint64_t, std::string>;

/// Callers at work, each on a thread and a connection of its own: `{"caller":2,"number":17}`. After a refusal the next
/// message is another one, so that a text comes twice only if somebody else doubles it.
class Load {
 public:
  struct Plan {
    unsigned callers = 8;
    std::uint64_t messages_each = std::numeric_limits<std::uint64_t>::max();  ///< answered ones; else until stop()
    std::size_t under_way = 1;                                                ///< of each caller, without their answers
    /// Between two messages of a caller: up to so long, at random.
    std::chrono::milliseconds pause_max{0};
  };
  Load(const std::string& bus_address, const Plan& plan);
  ~Load();  ///< as stop()
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] bool done() const { return at_work_ == 0; }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  void stop();  ///< hands in no more, and waits for the answers that are still to come

  /// After stop(): of each caller. Throws what a caller threw.
  [[nodiscard]] const std::vector<Accepted>& accepted() const;
  /// After stop(): how often each error came instead, of all callers.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& refusals() const { return refusals_; }

 private:
  struct Worker {
    Accepted accepted;
    std::map<std::string, std::uint64_t> refusals;
    bool refused = false;  ///< the last one
    std::exception_ptr failure;
    std::thread thread;
  };
  void work(const std::string& bus_address, const Plan& plan, unsigned caller);

  std::vector<Worker> workers_;
  std::atomic<unsigned> at_work_;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<bool> stop_{false};
  std::vector<Accepted> accepted_;
  std::map<std::string, std::uint64_t> refusals_;
};

}  // namespace iotc_ha::integration
