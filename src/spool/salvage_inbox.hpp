#pragma once

#include "inbox.hpp"
#include "rescue.hpp"
#include "row.hpp"
#include "sqlite.hpp"

#include <string>

namespace iotc_ha::spool {

struct InboxSalvage {
  const TimeLimit& limit;
  const Documents* known = nullptr;  ///< when memory has them all, and knows better than the file
  bool end_lost = false;             ///< transactions may be gone that were told to be on the disk
  Moment now;
};

/// Copies the documents, the C2D messages and their message ids into `fresh`, or what can be read of them, within a
/// transaction of the caller's. Answers of what not all could be read, e.g. "documents and C2D messages"; "" when all
/// was there. An error is one of `fresh`.
[[nodiscard]] SqliteResult<std::string> salvage_inbox(Connection& damaged, Connection& fresh,
                                                      const InboxSalvage& circumstances);

}  // namespace iotc_ha::spool
