#include "forgetful_disk.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

constexpr std::size_t k_sector = 512;

/// A write, or a truncation when there are no bytes.
struct Change {
  std::size_t offset;
  std::string bytes;
};

/// A file as it is on the disk for certain, and what may or may not be there yet.
struct Image {
  std::string synced;
  std::vector<Change> unsynced;
};

void apply(std::string& content, std::size_t offset, const std::string& bytes) {
  content.resize(std::max(content.size(), offset + bytes.size()));
  content.replace(offset, bytes.size(), bytes);
}

void apply(std::string& content, const Change& change) {
  if (change.bytes.empty()) return content.resize(std::min(content.size(), change.offset));
  apply(content, change.offset, change.bytes);
}

std::string after_a_cut(const Image& image, std::mt19937& chance) {
  std::string content = image.synced;
  for (const Change& change : image.unsynced) {
    const auto fate = chance() % 3;
    if (fate == 0) continue;
    if (fate == 1 || change.bytes.empty()) {
      apply(content, change);
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size(); at += k_sector) {
      if (chance() % 2 == 0) apply(content, change.offset + at, change.bytes.substr(at, k_sector));
    }
  }
  return content;
}

std::string read_whole(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

class ForgetfulDisk::Inside {
 public:
  Inside();
  ~Inside() { sqlite3_vfs_unregister(&vfs_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  // What files tell. SQLite calls from the thread that works.
  void opened(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    images_.try_emplace(name, Image{read_whole(name), {}});
  }
  void deleted(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    images_.erase(name);
  }
  void changed(const std::string& name, Change change) {
    const std::scoped_lock lock(mutex_);
    count();
    images_[name].unsynced.push_back(std::move(change));
  }
  void synced(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    count();
    Image& image = images_[name];
    for (const Change& change : image.unsynced) apply(image.synced, change);
    image.unsynced.clear();
  }

  void cut_at(std::uint64_t operation, std::filesystem::path into, unsigned seed) {
    const std::scoped_lock lock(mutex_);
    cut_ = Cut{operations_ + operation, std::move(into), seed};
    was_cut_ = false;
  }
  [[nodiscard]] bool was_cut() const {
    const std::scoped_lock lock(mutex_);
    return was_cut_;
  }
  [[nodiscard]] std::uint64_t operations() const {
    const std::scoped_lock lock(mutex_);
    return operations_;
  }
  [[nodiscard]] sqlite3_vfs* real() const { return real_; }

 private:
  struct Cut {
    std::uint64_t at;
    std::filesystem::path into;
    unsigned seed;
  };
  void count() {
    ++operations_;
    if (!cut_ || operations_ != cut_->at) return;
    std::mt19937 chance(cut_->seed);
    for (const auto& [name, image] : images_) {
      std::ofstream(cut_->into / std::filesystem::path(name).filename(), std::ios::binary)
          << after_a_cut(image, chance);
    }
    was_cut_ = true;
  }

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  mutable std::mutex mutex_;
  std::map<std::string, Image> images_;
  std::uint64_t operations_ = 0;
  std::optional<Cut> cut_;
  bool was_cut_ = false;
};

namespace {

/// SQLite makes room for this, and casts to it from what every file of every VFS begins with.
struct File {
  sqlite3_file base;
  ForgetfulDisk::Inside* disk;
  std::string* name;  ///< owned; SQLite calls no destructors
  sqlite3_file* real;
};

File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return of(file).real; }
ForgetfulDisk::Inside& of(sqlite3_vfs* vfs) { return *static_cast<ForgetfulDisk::Inside*>(vfs->pAppData); }

int close(sqlite3_file* file) {
  const int code = real(file)->pMethods == nullptr ? SQLITE_OK : real(file)->pMethods->xClose(real(file));
  delete of(file).name;
  return code;
}
int read(sqlite3_file* file, void* to, int bytes, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), to, bytes, offset);
}
int write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
  of(file).disk->changed(*of(file).name, {static_cast<std::size_t>(offset),
                                          {static_cast<const char*>(from), static_cast<std::size_t>(bytes)}});
  return real(file)->pMethods->xWrite(real(file), from, bytes, offset);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  of(file).disk->changed(*of(file).name, {static_cast<std::size_t>(size), {}});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync(sqlite3_file* file, int /*flags*/) {
  of(file).disk->synced(*of(file).name);
  return SQLITE_OK;  // the real disk need not be waited for
}
int file_size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* out) { return real(file)->pMethods->xCheckReservedLock(real(file), out); }
int control(sqlite3_file* file, int op, void* arg) { return real(file)->pMethods->xFileControl(real(file), op, arg); }
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, to);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods k_methods = {
    2,          &close,      &read,    &write,       &truncate,        &sync,    &file_size, &lock,
    &unlock,    &check_lock, &control, &sector_size, &characteristics, &shm_map, &shm_lock,  &shm_barrier,
    &shm_unmap, nullptr,     nullptr,
};

int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  ForgetfulDisk::Inside& disk = of(vfs);
  File& ours = *new (file) File{};
  ours.real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(File));
  const int code = disk.real()->xOpen(disk.real(), name, ours.real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  ours.disk = &disk;
  ours.name = new std::string(name == nullptr ? "" : name);
  disk.opened(*ours.name);
  ours.base.pMethods = &k_methods;
  return SQLITE_OK;
}
int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  of(vfs).deleted(name);
  return of(vfs).real()->xDelete(of(vfs).real(), name, sync_directory);
}

}  // namespace

ForgetfulDisk::Inside::Inside() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
  vfs_.zName = "forgetful";
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = &open;
  vfs_.xDelete = &remove;
  if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register");
}

ForgetfulDisk::ForgetfulDisk() : inside_(std::make_unique<Inside>()) {}
ForgetfulDisk::~ForgetfulDisk() = default;
void ForgetfulDisk::cut_at(std::uint64_t operation, std::filesystem::path into, unsigned seed) {
  inside_->cut_at(operation, std::move(into), seed);
}
bool ForgetfulDisk::was_cut() const { return inside_->was_cut(); }
std::uint64_t ForgetfulDisk::operations() const { return inside_->operations(); }

}  // namespace iotc_ha::spool_test
