#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

/// Who has which address. All of them are loopback addresses, so that nothing is ever reachable from outside.
namespace iotc_ha::lizard {

inline constexpr std::size_t k_hubs_max = 26;

/// The network itself if it is one: `127.y.z.0`. Error BadConfiguration says what is wrong with it.
[[nodiscard]] core::Result<std::string> checked_network(std::string_view network);
/// x.y.z.1
[[nodiscard]] std::string dps_address(std::string_view network);
/// x.y.z.10 is the first hub's.
[[nodiscard]] std::string hub_address(std::string_view network, std::size_t index);
/// Where a server really listens when clients reach its `address` through a relay only, or not at all: x.y.z.101 of
/// x.y.z.1.
[[nodiscard]] std::string inner_address(std::string_view address);
/// hub-a, hub-b …
[[nodiscard]] std::string hub_name(std::size_t index);

}  // namespace iotc_ha::lizard
