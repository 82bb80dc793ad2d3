#include "first_page.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <string>

/// The header is described in https://www.sqlite.org/fileformat2.html#the_database_header.
namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_page = 4096;  // SQLite's default, which nobody changes here
constexpr std::size_t k_write_version = 18;
constexpr std::size_t k_read_version = 19;
constexpr std::size_t k_change_counter = 24;
constexpr std::size_t k_free_list = 32;
constexpr std::size_t k_valid_for = 92;
constexpr char k_with_log = 2;

fs::path log_of(const fs::path& database) { return database.string() + "-wal"; }

}  // namespace

std::error_code copy_with_first_page_of(const fs::path& fresh, const fs::path& damaged, const fs::path& copy) {
  std::array<char, k_page> page{};
  if (!std::ifstream(fresh, std::ios::binary).read(page.data(), page.size())) {
    return std::make_error_code(std::errc::io_error);
  }
  page[k_write_version] = page[k_read_version] = k_with_log;
  // The number of pages that stands in the header only counts when these two are equal; else it is that of the file.
  for (std::size_t i = 0; i < 4; ++i) page[k_change_counter + i] = page[k_valid_for + i] = '\0';
  page[k_change_counter] = '\1';
  for (std::size_t i = 0; i < 8; ++i) page[k_free_list + i] = '\0';

  std::error_code failed;
  fs::copy_file(damaged, copy, fs::copy_options::overwrite_existing, failed);
  if (!failed && fs::exists(log_of(damaged))) {
    fs::copy_file(log_of(damaged), log_of(copy), fs::copy_options::overwrite_existing, failed);
  }
  if (failed) return failed;
  std::fstream file(copy, std::ios::binary | std::ios::in | std::ios::out);
  file.write(page.data(), page.size()).flush();
  return file ? std::error_code{} : std::make_error_code(std::errc::io_error);
}

void remove_copy(const fs::path& copy) {
  std::error_code ignored;  // it only takes room, and the next one takes its place
  fs::remove(log_of(copy), ignored);
  fs::remove(copy, ignored);
}

}  // namespace iotc_ha::spool
