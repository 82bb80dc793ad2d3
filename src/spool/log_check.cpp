#include "log_check.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <vector>

/// The format is that of https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
namespace iotc_ha::spool {
namespace {

constexpr std::size_t k_header_size = 32;
constexpr std::size_t k_frame_header_size = 24;
constexpr std::uint32_t k_magic = 0x377f0682;  // the lowest bit tells the byte order of the checksums
constexpr std::uint32_t k_page_size_max = 65536;

std::uint32_t word(const char* bytes, bool big_endian) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const auto byte = static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    value |= byte << (8U * (big_endian ? 3U - i : i));
  }
  return value;
}

struct Checksum {
  std::uint32_t one = 0;
  std::uint32_t two = 0;

  void add(const char* bytes, std::size_t size, bool big_endian) {
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      one += word(bytes + i, big_endian) + two;
      two += word(bytes + i + 4, big_endian) + one;
    }
  }
  /// Whether it is the one that stands there. What stands there is always big-endian.
  [[nodiscard]] bool is_at(const char* bytes) const { return one == word(bytes, true) && two == word(bytes + 4, true); }
};

/// Goes through the frames and notices when one is whole that follows a confirmed one that is not.
class Frames {
 public:
  Frames(const char* header, const Checksum& sum, bool big_endian)
      : salts_(header + 16, header + 24), sum_(sum), big_endian_(big_endian) {}

  /// True when something was lost.
  bool add(const char* frame, std::size_t size) {
    const bool of_this_log = std::equal(salts_.begin(), salts_.end(), frame + 8);
    if (sound_) {
      sum_.add(frame, 8, big_endian_);
      sum_.add(frame + k_frame_header_size, size - k_frame_header_size, big_endian_);
      sound_ = of_this_log && sum_.is_at(frame + 16);
      if (sound_) return false;
    }
    // Frames of an earlier use of the file have other salts. A transaction that a power cut tore ends with its commit,
    // and nothing was written after that.
    if (!of_this_log) return false;
    if (commit_seen_) return true;
    commit_seen_ = word(frame + 4, true) != 0;
    return false;
  }

 private:
  std::vector<char> salts_;
  Checksum sum_;
  bool big_endian_;
  bool sound_ = true;
  bool commit_seen_ = false;
};

}  // namespace

std::optional<std::string> what_a_log_lost(const std::filesystem::path& log) {
  std::ifstream file(log, std::ios::binary);
  std::array<char, k_header_size> header{};
  // Without a whole header there were no transactions: it is on the disk before the first of them is written.
  if (!file.read(header.data(), header.size())) return std::nullopt;
  const std::uint32_t magic = word(header.data(), true);
  const bool big_endian = (magic & 1U) != 0;
  const std::uint32_t page_size = word(header.data() + 8, true);
  Checksum sum;
  sum.add(header.data(), 24, big_endian);
  const bool sound = (magic & ~1U) == k_magic && sum.is_at(header.data() + 24) && std::has_single_bit(page_size) &&
                     page_size <= k_page_size_max;
  if (!sound) return "the header of its log is damaged";

  Frames frames(header.data(), sum, big_endian);
  std::vector<char> frame(k_frame_header_size + page_size);
  while (file.read(frame.data(), static_cast<std::streamsize>(frame.size()))) {
    if (frames.add(frame.data(), frame.size())) return "its log is damaged in the middle";
  }
  return std::nullopt;
}

}  // namespace iotc_ha::spool
