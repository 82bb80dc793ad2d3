#pragma once

#include <iotc_ha/core/error.hpp>

#include <filesystem>
#include <system_error>
#include <utility>

/// The files of the state directory, and how one database takes the place of another.
namespace iotc_ha::spool {

class Folder {
 public:
  explicit Folder(std::filesystem::path state_dir) : path_(std::move(state_dir)) {}

  [[nodiscard]] std::filesystem::path database() const { return path_ / "iotc-ha.db"; }
  /// A database that is being written from a damaged one. A start removes it.
  [[nodiscard]] std::filesystem::path unfinished() const { return path_ / "iotc-ha.db.salvage"; }

  [[nodiscard]] core::Result<void> make() const;
  /// Makes the database's file if it is missing; it is empty then. SQLite would do that too, but it tries again for
  /// reading only when it may not write, and then blames the second attempt's reason.
  [[nodiscard]] std::error_code make_database() const;
  /// Into the quarantine, with what belongs to it. Nobody may have it open. Answers its new name.
  [[nodiscard]] core::Result<std::filesystem::path> set_database_aside() const;
  /// Puts unfinished(), which is complete and on the disk, in the place of the database, which is set aside. Answers
  /// the name of that. After a crash on the way, finish_replacing() goes on with it.
  [[nodiscard]] core::Result<std::filesystem::path> replace_database() const;
  /// To be called before the database is opened. Answers whether there was something to finish.
  [[nodiscard]] core::Result<bool> finish_replacing() const;

 private:
  [[nodiscard]] std::filesystem::path finished() const { return path_ / "iotc-ha.db.salvaged"; }
  [[nodiscard]] core::Result<std::filesystem::path> put_in_place() const;
  [[nodiscard]] core::Result<void> sync() const;  ///< the names

  std::filesystem::path path_;
};

}  // namespace iotc_ha::spool
