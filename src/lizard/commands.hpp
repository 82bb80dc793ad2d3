#pragma once

namespace iotc_ha::lizard {

/// The command line. Returns the exit status: 0 done, 1 failed, 2 not understood.
[[nodiscard]] int command_line(int argc, const char* const* argv);

}  // namespace iotc_ha::lizard
