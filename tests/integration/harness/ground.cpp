#include "ground.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace iotc_ha::integration {
namespace {

constexpr const char* k_ballast = "ballast";

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "iotc-ha-integration-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SmallDisk::SmallDisk(std::filesystem::path folder, std::uint64_t bytes) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  const std::string size = "size=" + std::to_string(bytes);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", folder_.c_str(), "tmpfs", 0, size.c_str()) != 0) {
    throw std::runtime_error("cannot mount a small disk: " + std::generic_category().message(errno));
  }
}

SmallDisk::~SmallDisk() { umount2(folder_.c_str(), MNT_DETACH); }

void SmallDisk::fill_but(std::uint64_t bytes) const {
  std::ofstream ballast(folder_ / k_ballast, std::ios::binary);
  const std::string piece(4096, 'x');
  while (ballast && std::filesystem::space(folder_).available > bytes) ballast << piece << std::flush;
}

void SmallDisk::make_room() const { std::filesystem::remove(folder_ / k_ballast); }

}  // namespace iotc_ha::integration
