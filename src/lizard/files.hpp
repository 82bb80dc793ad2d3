#pragma once

#include <iotc_ha/core/error.hpp>

#include <sys/types.h>

#include <string>
#include <string_view>

namespace iotc_ha::lizard {

/// Writes a whole file. The mode is that of a new file; one that exists keeps its owner and mode, as a configuration
/// file that a package has installed must. Errors name the file.
[[nodiscard]] core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);
[[nodiscard]] core::Result<std::string> read_file(const std::string& path);
[[nodiscard]] bool exists(const std::string& path);
/// `what path: strerror`, as a StorageFailed error.
[[nodiscard]] core::Error storage_error(std::string_view what, const std::string& path);

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept;
  void reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace iotc_ha::lizard
