#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/runtime/descriptor.hpp>

#include <string>

namespace iotc_ha::courier {

/// The program that asks DPS, `iotc-ha-dps`, held open: what runs later is the file that was there when this was made,
/// which speaks our language, and not what an upgrade has put in its place meanwhile.
class Program {
 public:
  /// Looks beside the program that calls, as in a build, and in `../libexec/iotc-ha` from there, as it is installed.
  /// The error names both places.
  [[nodiscard]] static core::Result<Program> find();
  [[nodiscard]] static core::Result<Program> open(const std::string& path);

  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  explicit Program(int fd) : file_(fd) {}
  runtime::Descriptor file_;
};

}  // namespace iotc_ha::courier
