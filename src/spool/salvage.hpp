#pragma once

#include "rescue.hpp"
#include "tables.hpp"

#include <iotc_ha/core/account.hpp>
#include <iotc_ha/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::spool {

/// What of the database is held in memory.
struct Content {
  std::vector<Life> lives;  ///< oldest first
  RememberedHubs remembered;
  Tables::Identity identity;
  Documents documents;
};

struct Salvaged {
  std::uint64_t recovered = 0;  ///< messages that are queued again
  std::uint64_t lost = 0;
  bool lost_is_known = true;  ///< false: the account was lost too, at least in part
  std::string stopped_by;     ///< why it did not go on to the end; "" when it did
  std::vector<core::Dropped> dropped;
  std::string also_lost;  ///< e.g. "documents and C2D messages": not all of them could be read; "" when all were
};

/// Makes the database `fresh` (which must not exist) of what can be read in `damaged`, which stays as it is. `known` is
/// what memory knows better than the file, when it was in use; `end_lost` when the account that stands in the file may
/// be older than what was told to be on the disk. Takes about half a minute at most. An error, when the disk refuses,
/// leaves an incomplete `fresh`.
[[nodiscard]] core::Result<Salvaged> salvage(const std::filesystem::path& damaged, const std::filesystem::path& fresh,
                                             const std::optional<Content>& known, bool end_lost, const Moment& now,
                                             const TimeLimit::Clock& clock = std::chrono::steady_clock::now);

}  // namespace iotc_ha::spool
