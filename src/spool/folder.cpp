#include "folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>

namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;

tl::unexpected<core::Error> folder_failed(std::string what) {
  return core::fail(core::Fault::StorageFailed, std::move(what));
}

std::error_code last_error() { return {errno, std::generic_category()}; }

std::string time_stamp() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

/// A name in `folder` that nothing has yet.
core::Result<fs::path> free_name(const fs::path& folder) {
  constexpr int k_names_max = 1000;
  const std::string stem = "iotc-ha-" + time_stamp();
  for (int i = 0; i < k_names_max; ++i) {
    fs::path name = folder / (stem + (i == 0 ? "" : "-" + std::to_string(i)) + ".db");
    if (!fs::exists(fs::symlink_status(name))) return name;
  }
  return folder_failed(folder.string() + " has " + std::to_string(k_names_max) + " files of this second");
}

/// A missing file is none to move.
core::Result<void> move_file(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (!failed || failed == std::errc::no_such_file_or_directory) return {};
  return folder_failed(from.string() + " cannot be moved to " + to.string() + ": " + failed.message());
}

}  // namespace

core::Result<void> Folder::make() const {
  std::error_code failed;
  fs::create_directory(path_, failed);
  if (failed) return folder_failed("state directory " + path_.string() + ": " + failed.message());
  return {};
}

std::error_code Folder::make_database() const {
  const int fd = ::open(database().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);  // the -wal file inherits the mode
  if (fd < 0) return last_error();
  ::close(fd);
  return {};
}

core::Result<fs::path> Folder::set_database_aside() const {
  const fs::path folder = path_ / "quarantine";
  std::error_code failed;
  fs::create_directory(folder, failed);
  if (failed) return folder_failed(folder.string() + " cannot be made: " + failed.message());
  auto name = free_name(folder);
  if (!name) return name;
  // The file itself goes last: SQLite deletes a -wal that it finds alone, so a crash in between must not leave one.
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    auto moved = move_file(database().string() + suffix, name->string() + suffix);
    if (!moved) return tl::unexpected(std::move(moved.error()));
  }
  return name;
}

core::Result<fs::path> Folder::replace_database() const {
  // From here on a start finishes the work, before here it begins it anew.
  auto done = move_file(unfinished(), finished()).and_then([this] { return sync(); });
  if (!done) return tl::unexpected(std::move(done.error()));
  return put_in_place();
}

core::Result<fs::path> Folder::put_in_place() const {
  auto aside = set_database_aside();
  if (!aside) return aside;
  return move_file(finished(), database()).and_then([this] { return sync(); }).map([&] { return *aside; });
}

core::Result<bool> Folder::finish_replacing() const {
  std::error_code failed;
  if (fs::exists(finished(), failed)) return put_in_place().map([](const fs::path& /*aside*/) { return true; });
  fs::remove(unfinished(), failed);
  if (failed) return folder_failed(unfinished().string() + " cannot be removed: " + failed.message());
  return false;
}

core::Result<void> Folder::sync() const {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return folder_failed(path_.string() + " cannot be opened: " + last_error().message());
  const int synced = ::fsync(fd);
  const std::error_code why = last_error();
  ::close(fd);
  if (synced != 0) return folder_failed(path_.string() + " cannot be written: " + why.message());
  return {};
}

}  // namespace iotc_ha::spool
