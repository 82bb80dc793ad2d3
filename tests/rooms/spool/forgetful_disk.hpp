#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace iotc_ha::spool_test {

/// A disk that keeps only what was synced: a file system of SQLite's (a "VFS") that writes to the real one and
/// remembers beside it what would be there after a power cut. While it lives it is the default of this process. Of what
/// was written since the last sync, a cut keeps some writes, loses some, and tears some at the borders of sectors, as a
/// real disk with a cache may.
class ForgetfulDisk {
 public:
  ForgetfulDisk();
  ~ForgetfulDisk();
  ForgetfulDisk(const ForgetfulDisk&) = delete;
  ForgetfulDisk& operator=(const ForgetfulDisk&) = delete;

  /// At the `operation`th write or sync from now on, `into` gets what a cut at that moment leaves. Work goes on as if
  /// nothing had happened.
  void cut_at(std::uint64_t operation, std::filesystem::path into, unsigned seed);
  /// Any thread.
  [[nodiscard]] bool was_cut() const;
  [[nodiscard]] std::uint64_t operations() const;  ///< since the beginning

  class Inside;

 private:
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::spool_test
