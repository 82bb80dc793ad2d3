#pragma once

#include <chrono>
#include <string>

/// What gives a wrong clock away. Pure text.
namespace iotc_ha::provisioning {

/// "; this machine's clock is 3 h behind the service's, which alone makes its tokens invalid", or "" when the two
/// differ by no more than Azure tolerates.
[[nodiscard]] std::string clock_remark(std::chrono::system_clock::time_point ours, std::chrono::sys_seconds theirs);

/// For a certificate that is not valid at this time: "; this machine's clock says 1970-01-01, …" when that is before
/// the day on which this program was built, or "".
[[nodiscard]] std::string clock_hint(std::chrono::system_clock::time_point ours);

}  // namespace iotc_ha::provisioning
