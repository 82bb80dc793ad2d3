#include <iotc_ha/courier/program.hpp>

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace iotc_ha::courier {

core::Result<Program> Program::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd >= 0) return Program(fd);
  return core::fail(core::Fault::StorageFailed,
                    "cannot open " + path + ", which asks DPS: " + std::system_category().message(errno));
}

core::Result<Program> Program::find() {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  if (error) {
    return core::fail(core::Fault::StorageFailed,
                      "cannot read where this program lies (/proc/self/exe): " + error.message());
  }
  const std::string beside = folder / "iotc-ha-dps";
  const std::string installed = folder.parent_path() / "libexec/iotc-ha/iotc-ha-dps";
  if (auto found = open(beside)) return found;
  auto found = open(installed);
  if (!found) found.error().what += "; nor is there one at " + beside;
  return found;
}

}  // namespace iotc_ha::courier
