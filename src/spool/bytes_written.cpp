#include "bytes_written.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace iotc_ha::spool {

BytesWritten::~BytesWritten() {
  if (fd_ >= 0) ::close(fd_);
}

std::uint64_t BytesWritten::so_far() {
  if (!opened_) fd_ = ::open("/proc/thread-self/io", O_RDONLY | O_CLOEXEC);
  opened_ = true;
  if (fd_ < 0) return 0;
  std::array<char, 512> buffer{};
  const ssize_t size = ::pread(fd_, buffer.data(), buffer.size(), 0);
  if (size <= 0) return 0;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  constexpr std::string_view k_name = "wchar: ";
  const auto at = text.find(k_name);
  if (at == std::string_view::npos) return 0;
  std::uint64_t bytes = 0;
  const std::string_view number = text.substr(at + k_name.size());
  std::from_chars(number.data(), number.data() + number.size(), bytes);
  return bytes;
}

}  // namespace iotc_ha::spool
