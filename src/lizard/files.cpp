#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace iotc_ha::lizard {

core::Error storage_error(std::string_view what, const std::string& path) {
  return {core::Fault::StorageFailed,
          std::string(what) + " " + path + ": " + std::error_code(errno, std::generic_category()).message()};
}

core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file.valid()) return tl::unexpected(storage_error("cannot write", path));
  while (!text.empty()) {
    const ssize_t count = write(file.get(), text.data(), text.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return tl::unexpected(storage_error("cannot write", path));
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

core::Result<std::string> read_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return tl::unexpected(storage_error("cannot read", path));
  std::string text;
  char bytes[4096];
  while (true) {
    const ssize_t count = read(file.get(), bytes, sizeof bytes);
    if (count == 0) return text;
    if (count > 0) {
      text.append(bytes, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return tl::unexpected(storage_error("cannot read", path));
    }
  }
}

bool exists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Descriptor::release() noexcept { return std::exchange(fd_, -1); }

void Descriptor::reset() noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace iotc_ha::lizard
