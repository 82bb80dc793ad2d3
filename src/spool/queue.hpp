#pragma once

#include "bytes_written.hpp"
#include "ledger.hpp"
#include "opening.hpp"
#include "tables.hpp"
#include "turn.hpp"

#include <iotc_ha/core/error.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::spool {

/// The database as the worker has it: it does turns. For one thread at a time.
class Queue {
 public:
  /// Opens `{state_dir}/iotc-ha.db` and begins a life.
  static core::Result<std::unique_ptr<Queue>> open(const std::filesystem::path& state_dir, const Moment& now);

  [[nodiscard]] Outcome run(Turn& turn);
  [[nodiscard]] core::Result<std::vector<core::DurableCommand>> commands(const Moment& now);

  [[nodiscard]] const RememberedHubs& remembered() const { return remembered_; }
  [[nodiscard]] const Documents& documents() const { return documents_; }
  /// What was found when it was opened; told once.
  [[nodiscard]] std::vector<core::Error> take_notes() { return std::exchange(notes_, {}); }
  [[nodiscard]] std::vector<core::Dropped> take_dropped() { return std::exchange(dropped_, {}); }
  [[nodiscard]] Standing standing(const Limits& limits, const Moment& now) const;

 private:
  Queue(std::filesystem::path state_dir, Opened opened, const Life& present);

  /// Does `work`; when the file turns out to be damaged, mends it and does it once more.
  SqliteResult<void> with_sound_file(const Moment& now, const std::function<SqliteResult<void>()>& work);
  SqliteResult<void> mend(const Moment& now, const std::string& why);
  void adopt(Opened opened);

  SqliteResult<void> write(Turn& turn, Outcome& outcome);
  SqliteResult<void> answer(const Turn& turn, Outcome& outcome);
  SqliteResult<void> count(Outcome& outcome);
  SqliteResult<void> find_front();

  const std::filesystem::path state_dir_;
  std::optional<Tables> tables_;  ///< nothing while the file cannot be opened
  Ledger ledger_;
  RememberedHubs remembered_;
  Documents documents_;  ///< held so that a file that is mended has them all
  std::string spool_id_;
  Tables::Aside aside_;
  std::optional<Head> front_;     ///< the first that is queued
  std::uint64_t handed_out_ = 0;  ///< the highest number that was handed out since the last release
  /// No number above this is queued: either it was never given, or we have looked.
  std::uint64_t nothing_above_ = 0;
  std::uint64_t before_appends_ = 0;  ///< the same, before the present turn's own messages
  std::string why_damaged_;
  core::Instant mend_again_at_{};
  BytesWritten bytes_written_;
  std::vector<core::Error> notes_;
  std::vector<core::Dropped> dropped_;
};

}  // namespace iotc_ha::spool
