#pragma once

#include "salvage.hpp"
#include "tables.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/error.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace iotc_ha::spool {

struct Opened {
  Tables tables;  ///< of our schema, in WAL mode, each commit on the disk before it returns
  Content content;
  Tables::Aside aside;
  std::vector<core::Error> notes;  ///< what was found, for the journal
  std::vector<core::Dropped> dropped;
};

/// Opens `{state_dir}/iotc-ha.db`, or begins it. A file that is damaged or another program's is moved to
/// `{state_dir}/quarantine/` with what belongs to it; nothing is ever deleted. What can be read of a damaged one is in
/// the new one, and a crash on the way there loses nothing: the next start goes on with it. A file of a newer version
/// of ours is sound and may hold what nobody else has: it is left alone, and the answer is an error.
[[nodiscard]] core::Result<Opened> open_database(const std::filesystem::path& state_dir, const Moment& now);

/// The same, of a file that was in use and turned out to be damaged because of `why`. Nobody has it open any more.
[[nodiscard]] core::Result<Opened> mend_database(const std::filesystem::path& state_dir, const std::string& why,
                                                 const Content& known, const Moment& now);

}  // namespace iotc_ha::spool
