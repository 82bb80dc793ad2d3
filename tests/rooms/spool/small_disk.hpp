#pragma once

#include <filesystem>
#include <functional>

namespace iotc_ha::spool_test {

/// A file system of a few MiB that nobody else sees, in a process of its own.
class SmallDisk {
 public:
  /// Runs `test` with its path in a child, whose failures are those of this test.
  static void run(const std::filesystem::path& folder, const std::function<void(const std::filesystem::path&)>& test);
  /// Makes a file that takes all the room there is.
  static void fill_up(const std::filesystem::path& file);
};

}  // namespace iotc_ha::spool_test
