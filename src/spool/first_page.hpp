#pragma once

#include <filesystem>
#include <system_error>

namespace iotc_ha::spool {

/// Makes `copy` of a database of ours whose first page is damaged, with its log, and gives it the first page of
/// `fresh`, which has the same tables and nothing in them. The first page tells where each table begins, and that is
/// the same in every database of ours, because its tables are made in one order: without it nothing could be read. Only
/// the tables of version 3 lie elsewhere in a database that began with an older version; nothing is found of them then.
[[nodiscard]] std::error_code copy_with_first_page_of(const std::filesystem::path& fresh,
                                                      const std::filesystem::path& damaged,
                                                      const std::filesystem::path& copy);

/// Removes what that has made.
void remove_copy(const std::filesystem::path& copy);

}  // namespace iotc_ha::spool
