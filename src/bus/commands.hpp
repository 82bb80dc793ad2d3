#pragma once

#include "claimers.hpp"
#include "pending.hpp"
#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <io.github.iotc_ha.Commands1.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// The interface Commands1 of the object /io/github/iotc_ha on one connection, which must live longer; so must
/// `claimers` and `requests`. A caller who waits delays no other.
class Commands final : public sdbus::AdaptorInterfaces<io::github::iotc_ha::Commands1_adaptor> {
 public:
  Commands(sdbus::IConnection& connection, Claimers& claimers, const Requests& requests, const Broken& broken);
  virtual ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Throws sdbus::Error when the connection is gone.
  void emit_invoked(const core::Caller& to, const core::Invocation& invocation);

  static constexpr std::size_t k_calls_max = 1'000;  ///< of each method, that wait

 private:
  void Claim(sdbus::Result<>&& call, std::vector<std::string> names) override;
  void Complete(sdbus::Result<>&& call, std::uint64_t id, std::int32_t status, std::string json_payload) override;

  Claimers& claimers_;
  const Requests& requests_;
  const PendingCalls<> claims_;
  const PendingCalls<> completions_;
};

}  // namespace iotc_ha::bus
