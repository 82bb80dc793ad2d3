#pragma once

#include "claimers.hpp"
#include "pending.hpp"
#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <io.github.iotc_ha.Twin1.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace iotc_ha::bus {

/// The interface Twin1 of the object /io/github/iotc_ha on one connection, which must live longer; so must `claimers`
/// and `requests`. A caller who waits delays no other.
class Twin final : public sdbus::AdaptorInterfaces<io::github::iotc_ha::Twin1_adaptor> {
 public:
  Twin(sdbus::IConnection& connection, Claimers& claimers, const Requests& requests, const Broken& broken);
  virtual ~Twin();
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  /// Both throw sdbus::Error when the connection is gone.
  void emit_desired_changed(const core::Caller& to, const std::string& patch_json, std::uint64_t version);
  void emit_unacknowledged_changed();

  static constexpr std::size_t k_calls_max = 1'000;  ///< of each method, that wait
  static constexpr std::int32_t k_code_min = 100;
  static constexpr std::int32_t k_code_max = 599;

 private:
  void Report(sdbus::Result<>&& call, std::string json_merge_patch) override;
  std::string GetReported() override;
  std::tuple<std::string, std::uint64_t> GetDesired() override;
  void Claim(sdbus::Result<>&& call, std::vector<std::string> properties) override;
  void Acknowledge(sdbus::Result<>&& call, std::string property, std::string json_value, std::int32_t code,
                   std::string description, std::uint64_t version) override;
  std::vector<std::string> Unacknowledged() override;

  Claimers& claimers_;
  const Requests& requests_;
  const PendingCalls<> reports_;
  const PendingCalls<> claims_;
  const PendingCalls<> acknowledgements_;
};

}  // namespace iotc_ha::bus
