#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/runtime/worker.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace iotc_ha::hub {

/// Name look-ups, each on a thread of its own, because getaddrinfo() can neither be given a limit nor be cancelled:
/// with a silent name server it blocks for half a minute. Nobody waits for one: an answer that comes too late is
/// dropped by who asked, and what is still under way at the end is left to itself. Loop thread.
class Lookups final : public runtime::Loop::Pollable {
 public:
  /// A numeric address. IPv4 before IPv6, as Paho would choose.
  using Answer = core::Result<std::string>;

  /// `on_answer` is called on the loop thread.
  Lookups(runtime::Loop& loop, std::function<void(const std::string& host, Answer answer)> on_answer);
  ~Lookups() override;
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  /// Joins the look-up of this host that is under way, if there is one. False when `k_under_way_max` others hang.
  [[nodiscard]] bool ask(const std::string& host);

  Wanted wanted() override;
  void ready() override;

  static constexpr std::size_t k_under_way_max = 8;

 private:
  struct Bell;
  struct Slot;
  struct UnderWay {
    std::string host;
    std::shared_ptr<Slot> slot;  // shared with the thread, which may outlive us
    std::unique_ptr<runtime::Worker> thread;
  };

  std::function<void(const std::string& host, Answer answer)> on_answer_;
  std::shared_ptr<Bell> bell_;
  std::vector<UnderWay> under_way_;
  std::unique_ptr<runtime::Loop::Attachment> attachment_;
};

}  // namespace iotc_ha::hub
