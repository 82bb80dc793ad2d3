#include "small_disk.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>

namespace iotc_ha::spool_test {

namespace fs = std::filesystem;

void SmallDisk::run(const fs::path& folder, const std::function<void(const fs::path&)>& test) {
  const fs::path disk = folder / "disk";
  fs::create_directory(disk);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("small", disk.c_str(), "tmpfs", 0, "size=4m") != 0) {
      std::cerr << "a small file system cannot be mounted: " << std::generic_category().message(errno) << '\n';
      _exit(77);
    }
    try {
      test(disk);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    std::cout.flush();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77 && geteuid() != 0) GTEST_SKIP() << "only root may mount a small file system";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

void SmallDisk::fill_up(const fs::path& file) {
  std::ofstream out(file, std::ios::binary);
  for (std::size_t size = 65536; size > 0; size /= 2) {
    const std::string block(size, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
    out.clear();
  }
}

}  // namespace iotc_ha::spool_test
