#include "ground.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
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

Network::Network() {
  // 127.100.0.0 to 127.199.255.0, beginning at a place of our own so that neighbours seldom meet.
  constexpr std::uint32_t k_count = 100U * 256U;
  constexpr std::uint16_t k_mark_port = 9;  // "discard"; on the last address, where no hub ever is
  const auto begin = static_cast<std::uint32_t>(getpid());
  for (std::uint32_t i = 0; i < k_count; ++i) {
    const std::uint32_t number = (begin + i) % k_count;
    const std::uint32_t net = (127U << 24U) + (100U << 16U) + (number << 8U);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in mark{};
    mark.sin_family = AF_INET;
    mark.sin_port = htons(k_mark_port);
    mark.sin_addr.s_addr = htonl(net + 254U);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&mark), sizeof mark) == 0) {
      mark_ = fd;
      address_ = "127." + std::to_string(100U + (number >> 8U)) + "." + std::to_string(number & 0xFFU) + ".0";
      return;
    }
    close(fd);
  }
  throw std::runtime_error("no free network in 127.100.0.0 to 127.199.255.0");
}

Network::~Network() { close(mark_); }

}  // namespace iotc_ha::integration
