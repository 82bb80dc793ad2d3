#pragma once

#include "figures.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

/// What the disk itself can do: the measure for everything that promises to be durable.
namespace iotc_ha::bench {

/// How long each commit took.
using Commits = Durations;

/// Writes 4 KiB and calls fdatasync, over and over, for so long: at the end of a growing file, as a log does.
[[nodiscard]] Commits append_and_sync(const std::filesystem::path& folder, Seconds time);
/// The same within a file that has its size already.
[[nodiscard]] Commits overwrite_and_sync(const std::filesystem::path& folder, Seconds time);
/// SQLite with nothing around it, journal_mode=WAL and synchronous=FULL: one row a transaction.
[[nodiscard]] Commits insert_and_commit(const std::filesystem::path& folder, Seconds time);

/// What a process has written to disks so far, as the kernel counts (write_bytes of /proc/PID/io).
[[nodiscard]] std::uint64_t bytes_written_by(pid_t pid);

}  // namespace iotc_ha::bench
