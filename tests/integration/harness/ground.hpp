#pragma once

#include <ground/network.hpp>

#include <cstdint>
#include <filesystem>

/// What a test has for itself while others run beside it: a folder, a disk, and a piece of the loopback network.
namespace iotc_ha::integration {

/// A folder that is gone with the test.
class Folder {
 public:
  Folder();  ///< throws std::runtime_error
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A disk of its own, small enough to be filled, mounted on a folder. It is seen by this thread and by the processes
/// that it starts, and gone with them, however they end.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, std::uint64_t bytes);  ///< throws std::runtime_error
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  /// Leaves so much free, by a file that has nothing to do with anybody here.
  void fill_but(std::uint64_t bytes) const;
  void make_room() const;  ///< removes that file

 private:
  std::filesystem::path folder_;
};

using ground::Network;

}  // namespace iotc_ha::integration
