#include "load.hpp"

#include "wait.hpp"

#include <poll.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace iotc_ha::integration {
namespace {

/// For all that is under way when no more is handed in.
constexpr std::chrono::seconds k_last_answers{90};

/// So that the bus is not kept busy with refusals while the daemon is away.
constexpr unsigned k_pause_max_when_refused_ms = 20;

std::string text_of(unsigned caller, std::uint64_t number) {
  return R"({"caller":)" + std::to_string(caller) + R"(,"number":)" + std::to_string(number) + "}";
}

}  // namespace

Load::Load(const std::string& bus_address, const Plan& plan) : workers_(plan.callers), at_work_(plan.callers) {
  for (unsigned caller = 0; caller < plan.callers; ++caller) {
    workers_[caller].thread = std::thread([=, this] {
      try {
        work(bus_address, plan, caller);
      } catch (...) {
        workers_[caller].failure = std::current_exception();
      }
      --at_work_;
    });
  }
}

Load::~Load() { stop(); }

void Load::work(const std::string& bus_address, const Plan& plan, unsigned caller) {
  Worker& mine = workers_[caller];
  Caller program(bus_address);
  std::minstd_rand chance(caller + 1);
  for (std::uint64_t number = 1; !stop_ && mine.accepted.size() < plan.messages_each; ++number) {
    std::string text = text_of(caller, number);
    program.submit_later(text, [&mine, this, text](const Answer<std::uint64_t>& sequence) {
      mine.refused = !sequence;
      if (!sequence) {
        ++mine.refusals[sequence.error().name];
      } else if (!mine.accepted.emplace(*sequence, text).second) {
        ++mine.refusals["the number " + std::to_string(*sequence) + " was given twice"];
      } else {
        ++answered_;
      }
    });
    // With the last ones under way, not one too many is handed in.
    const bool enough = mine.accepted.size() + program.under_way() >= plan.messages_each;
    if (!program.await_answers(enough ? 0 : plan.under_way - 1, k_last_answers)) break;
    auto pause_max = static_cast<unsigned>(plan.pause_max.count());
    if (mine.refused) pause_max = std::max(pause_max, k_pause_max_when_refused_ms);
    if (pause_max > 0) poll(nullptr, 0, static_cast<int>(chance() % pause_max));
  }
  if (!program.await_answers(0, k_last_answers)) throw std::runtime_error("a call was never answered");
}

void Load::stop() {
  stop_ = true;
  for (Worker& worker : workers_) {
    if (!worker.thread.joinable()) continue;
    worker.thread.join();
    accepted_.push_back(std::move(worker.accepted));
    for (const auto& [name, count] : worker.refusals) refusals_[name] += count;
  }
}

const std::vector<Accepted>& Load::accepted() const {
  for (const Worker& worker : workers_) {
    if (worker.failure) std::rethrow_exception(worker.failure);
  }
  return accepted_;
}

}  // namespace iotc_ha::integration
