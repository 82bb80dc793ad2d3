#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace iotc_ha::spool {

/// Whether a write-ahead log has lost transactions that were on the disk. SQLite cannot tell: it reads the log up to
/// the first part that is not whole, which is right after a power cut, because what follows was not committed. But if
/// whole transactions follow, that part was written and confirmed once, and is damaged. Answers how, in one line.
[[nodiscard]] std::optional<std::string> what_a_log_lost(const std::filesystem::path& log);

}  // namespace iotc_ha::spool
