#pragma once

#include "pending.hpp"
#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <io.github.iotc_ha.Telemetry1.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// Names of the Telemetry1 properties that differ.
[[nodiscard]] std::vector<PropertyName> differences(const core::SpoolFigures& before, const core::SpoolFigures& after);

/// The interface Telemetry1 of the object /io/github/iotc_ha on one connection, which must live longer; so must `loop`
/// and `requests`. Every method returns at once and is answered later: a caller who waits delays no other.
class Telemetry final : public sdbus::AdaptorInterfaces<io::github::iotc_ha::Telemetry1_adaptor> {
 public:
  Telemetry(sdbus::IConnection& connection, const runtime::Loop& loop, const Requests& requests, const Broken& broken);
  virtual ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  /// Both throw sdbus::Error when the connection is gone.
  void emit_changes(const std::vector<PropertyName>& names);
  void emit_dropped(const core::Dropped& dropped);

  static constexpr std::size_t k_submits_max = 10'000;   ///< calls that wait for the disk
  static constexpr std::size_t k_questions_max = 1'000;  ///< of Flush, and of GetAccount, that wait
  static constexpr std::size_t k_messages_max = 10'000;  ///< in one SubmitMany
  static constexpr std::chrono::hours k_flush_max{24};

 private:
  using Options = std::map<std::string, sdbus::Variant>;
  using Lives = std::vector<std::map<std::string, std::uint64_t>>;

  void Submit(sdbus::Result<std::uint64_t>&& call, std::string json, Options options) override;
  void SubmitMany(sdbus::Result<std::uint64_t, std::uint64_t>&& call, std::vector<std::string> json,
                  Options options) override;
  void Flush(sdbus::Result<>&& call, std::uint64_t sequence, std::uint64_t timeout) override;
  void GetAccount(sdbus::Result<Lives>&& call) override;

  std::uint64_t Queued() override { return requests_.figures().queued; }
  std::uint64_t QueuedBytes() override { return requests_.figures().queued_bytes; }
  std::uint64_t OldestQueued() override;
  std::uint64_t Accepted() override { return requests_.figures().accepted; }
  std::uint64_t Delivered() override { return requests_.figures().delivered; }
  std::uint64_t Dropped() override { return requests_.figures().dropped; }
  std::uint64_t Quarantined() override { return requests_.figures().quarantined; }
  std::uint64_t Capacity() override { return requests_.figures().capacity; }
  std::uint64_t BytesWritten() override { return requests_.figures().bytes_written; }
  std::uint32_t MessageSizeMax() override;

  const runtime::Loop& loop_;
  const Requests& requests_;
  const PendingCalls<std::uint64_t> submits_;
  const PendingCalls<std::uint64_t, std::uint64_t> many_submits_;
  const PendingCalls<> flushes_;
  const PendingCalls<Lives> accounts_;
};

}  // namespace iotc_ha::bus
