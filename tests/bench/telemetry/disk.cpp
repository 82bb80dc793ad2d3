#include "disk.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

namespace iotc_ha::bench {
namespace {

constexpr off_t k_page = 4096;
constexpr off_t k_pages_overwritten = 1024;

Commits repeat(Seconds time, const std::function<void()>& commit) {
  Commits commits;
  const auto begin = Clock::now();
  while (since(begin) < time) {
    const auto before = Clock::now();
    commit();
    commits.add(since(before));
  }
  return commits;
}

/// A new file, removed at the end.
class ScratchFile {
 public:
  explicit ScratchFile(std::filesystem::path path)
      : path_(std::move(path)), fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (fd_ < 0) complain("open");
  }
  ~ScratchFile() {
    close(fd_);
    std::filesystem::remove(path_);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(off_t at) const {
    static const std::string k_bytes(static_cast<std::size_t>(k_page), 'x');
    if (pwrite(fd_, k_bytes.data(), k_bytes.size(), at) != k_page) complain("write");
  }
  void sync() const {
    if (fdatasync(fd_) != 0) complain("fdatasync");
  }

 private:
  [[noreturn]] void complain(const char* what) const {
    throw std::runtime_error(std::string(what) + " " + path_.string() + ": " + std::generic_category().message(errno));
  }

  std::filesystem::path path_;
  int fd_;
};

}  // namespace

Commits append_and_sync(const std::filesystem::path& folder, Seconds time) {
  const ScratchFile file(folder / "commit-append");
  off_t end = 0;
  return repeat(time, [&] {
    file.write(end);
    file.sync();
    end += k_page;
  });
}

Commits overwrite_and_sync(const std::filesystem::path& folder, Seconds time) {
  const ScratchFile file(folder / "commit-overwrite");
  for (off_t page = 0; page < k_pages_overwritten; ++page) file.write(page * k_page);
  file.sync();
  off_t page = 0;
  return repeat(time, [&] {
    file.write(page++ % k_pages_overwritten * k_page);
    file.sync();
  });
}

Commits insert_and_commit(const std::filesystem::path& folder, Seconds time) {
  sqlite3* opened = nullptr;
  const std::string file = (folder / "commit.db").string();
  std::filesystem::remove(file);
  const int rc = sqlite3_open(file.c_str(), &opened);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(opened, &sqlite3_close);
  const auto execute = [&](const char* statement) {
    if (sqlite3_exec(database.get(), statement, nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(std::string(statement) + ": " + sqlite3_errmsg(database.get()));
    }
  };
  if (rc != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
  execute("CREATE TABLE messages (sequence INTEGER PRIMARY KEY, body TEXT)");
  return repeat(time, [&] { execute("INSERT INTO messages (body) VALUES (printf('%.*c', 100, 'x'))"); });
}

std::uint64_t bytes_written_by(pid_t pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/io");
  std::string name;
  for (std::uint64_t value = 0; lines >> name >> value;) {
    if (name == "write_bytes:") return value;
  }
  throw std::runtime_error("process " + std::to_string(pid) + " does not tell what it has written");
}

}  // namespace iotc_ha::bench
