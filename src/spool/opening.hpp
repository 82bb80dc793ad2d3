#pragma once

#include "sqlite.hpp"

#include <iotc_ha/core/error.hpp>

#include <filesystem>
#include <functional>

namespace iotc_ha::spool {

struct Opened {
  std::filesystem::path file;
  Connection connection;  ///< of our schema, in WAL mode, each commit on the disk before it returns
};

/// Opens `{state_dir}/iotc-ha.db`, or begins it. A file that is damaged or another program's is moved to
/// `{state_dir}/quarantine/` with what belongs to it, and `note` is told; nothing is ever deleted. One of a newer
/// version of ours is sound and may hold what nobody else has: it is left alone, and the answer is an error.
[[nodiscard]] core::Result<Opened> open_database(const std::filesystem::path& state_dir,
                                                 const std::function<void(const core::Error&)>& note);

}  // namespace iotc_ha::spool
