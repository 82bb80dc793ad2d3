#include "text.hpp"

#include <iotc_ha/azure/text.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace iotc_ha::cli {
namespace {

using namespace std::chrono;

constexpr microseconds k_latest{sys_days{year{10'000} / 1 / 1}.time_since_epoch() - microseconds{1}};

/// Takes digits from the front of `text`, exactly `count` of them.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  const auto number = azure::read_number<int>(text.substr(0, count));
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Fields of fixed width with a separator before each but the first: "2026-11-23", "07:40:12".
template <std::size_t N>
std::optional<std::array<int, N>> take_fields(std::string_view& text, std::array<std::size_t, N> widths,
                                              std::string_view separator) {
  std::array<int, N> fields{};
  for (std::size_t i = 0; i < N; ++i) {
    if (i > 0 && !take(text, separator)) return std::nullopt;
    const auto field = take_number(text, widths[i]);
    if (!field) return std::nullopt;
    fields[i] = *field;
  }
  return fields;
}

/// ".5" and the like; further digits than microseconds have are dropped.
std::optional<microseconds> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return microseconds{0};
  microseconds fraction{0};
  microseconds place{100'000};
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    fraction += place * (text.front() - '0');
    place /= 10;
    text.remove_prefix(1);
  }
  return fraction;
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return minutes{0};
  const bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const auto offset = take_fields<2>(text, {2, 2}, ":");
  if (!offset || (*offset)[0] > 23 || (*offset)[1] > 59) return std::nullopt;
  const minutes east = hours{(*offset)[0]} + minutes{(*offset)[1]};
  return west ? -east : east;
}

std::optional<core::WallTime> read_rfc3339(std::string_view text) {
  const auto date = take_fields<3>(text, {4, 2, 2}, "-");
  if (!date || !take(text, "Tt ")) return std::nullopt;
  const auto time = take_fields<3>(text, {2, 2, 2}, ":");
  if (!time) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const year_month_day day{year{(*date)[0]}, month{static_cast<unsigned>((*date)[1])},
                           std::chrono::day{static_cast<unsigned>((*date)[2])}};
  const auto [hour, minute, second] = *time;
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second
  return core::WallTime{sys_days{day} + hours{hour} + minutes{minute} + seconds{second} + *fraction - *offset};
}

}  // namespace

std::optional<core::WallTime> read_moment(std::string_view text) {
  std::optional<core::WallTime> moment;
  if (const auto number = azure::read_number<std::int64_t>(text)) {
    moment = core::WallTime{microseconds{*number}};
  } else {
    moment = read_rfc3339(text);
  }
  if (!moment || moment->time_since_epoch() <= microseconds{0} || moment->time_since_epoch() > k_latest) {
    return std::nullopt;
  }
  return moment;
}

core::WallTime now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string show_moment(core::WallTime moment) {
  const std::time_t seconds_since_1970 = duration_cast<seconds>(moment.time_since_epoch()).count();
  std::tm local{};
  std::array<char, 64> text{};
  if (moment == core::WallTime{} || localtime_r(&seconds_since_1970, &local) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local) == 0) {
    return "-";
  }
  return text.data();
}

std::string show_duration(microseconds duration) {
  const auto whole = [&](auto unit) { return std::to_string(duration / unit); };
  const auto rest = [&](auto unit, auto of) { return std::to_string(duration % of / unit); };
  if (duration < seconds{1}) return whole(milliseconds{1}) + " ms";
  if (duration < seconds{10}) return whole(seconds{1}) + "." + rest(milliseconds{100}, seconds{1}) + " s";
  if (duration < minutes{1}) return whole(seconds{1}) + " s";
  if (duration < hours{1}) return whole(minutes{1}) + " min " + rest(seconds{1}, minutes{1}) + " s";
  if (duration < days{1}) return whole(hours{1}) + " h " + rest(minutes{1}, hours{1}) + " min";
  return whole(days{1}) + " d " + rest(hours{1}, days{1}) + " h";
}

std::string show_bytes(std::uint64_t bytes) {
  constexpr std::array k_units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < k_units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool whole = unit == 0 || value >= 100 || value == static_cast<double>(static_cast<std::uint64_t>(value));
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, k_units.at(unit));
  return text.data();
}

bool fits_d_bus(std::string_view text) {
  if (text.find('\0') != std::string_view::npos || !azure::is_utf8(text)) return false;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    if (at(i) == 0xEF && at(i + 1) == 0xB7 && at(i + 2) >= 0x90 && at(i + 2) <= 0xAF) return false;  // U+FDD0 to U+FDEF
    const bool ends_plane =
        at(i + 1) == 0xBF && at(i + 2) >= 0xBE;  // the last two code points of one: ... BF BE, BF BF
    if (!ends_plane) continue;
    if (at(i) == 0xEF) return false;
    if (i > 0 && at(i - 1) >= 0xF0 && (at(i) & 0x0FU) == 0x0F) return false;
  }
  return true;
}

std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left) {
  std::vector<std::size_t> widths(left.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      line += (i > 0 ? "  " : "") + (left[i] ? row[i] + blanks : blanks + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace iotc_ha::cli
