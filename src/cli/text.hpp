#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::cli {

/// RFC 3339 ("2026-11-23T07:40:12.5Z", "2026-11-23 08:40:12+01:00"), or whole microseconds since 1970. Nothing when it
/// is neither, or no moment from 1970 to 9999.
[[nodiscard]] std::optional<core::WallTime> read_moment(std::string_view text);
/// What the wall clock says.
[[nodiscard]] core::WallTime now();
/// In local time, to the second; "-" for the epoch, which means none.
[[nodiscard]] std::string show_moment(core::WallTime moment);
/// "340 ms", "2.3 s", "12 s", "3 min 12 s", "5 h 3 min", "12 d 5 h".
[[nodiscard]] std::string show_duration(std::chrono::microseconds duration);
/// "512 B", "1.5 KiB", "256 MiB".
[[nodiscard]] std::string show_bytes(std::uint64_t bytes);

/// Whether a D-Bus string can hold it: UTF-8, no NUL, and for sd-bus none of the code points that are no characters.
[[nodiscard]] bool fits_d_bus(std::string_view text);

/// Columns, as wide as they have to be and two blanks apart. The first row is the heading; texts of `left` columns
/// stand left, others right.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left);

}  // namespace iotc_ha::cli
