#pragma once

#include "row.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace iotc_ha::spool {

/// The account of every life, in memory, as it stands on disk. What a transaction changes is a draft until the
/// transaction is on the disk.
class Ledger {
 public:
  /// `present` is of a later boot than each of `past`.
  Ledger(const std::vector<Life>& past, const Life& present);

  struct Sums {
    std::uint64_t queued = 0;
    std::uint64_t queued_bytes = 0;
    std::uint64_t kept_bytes = 0;
    std::uint64_t accepted = 0;
    std::uint64_t delivered = 0;
    std::uint64_t dropped = 0;
    std::uint64_t quarantined = 0;
  };
  [[nodiscard]] Sums sums() const;  ///< with the draft
  [[nodiscard]] const Life* find(std::uint64_t boot) const;
  [[nodiscard]] const Life& present() const { return *find(present_boot_); }
  [[nodiscard]] std::vector<Life> lives() const;  ///< oldest first, with the draft

  Life* change(std::uint64_t boot);  ///< in the draft; null when nothing is known of this boot
  Life& change_present() { return *change(present_boot_); }
  /// Sums up the oldest lives of which nothing is left, until there are `count` lives if that can be.
  void fold(std::size_t count);

  [[nodiscard]] const std::map<std::uint64_t, Life>& changed() const { return draft_; }
  [[nodiscard]] const std::set<std::uint64_t>& removed() const { return removed_; }
  void keep_draft();
  void drop_draft();

 private:
  std::map<std::uint64_t, Life> lives_;
  std::uint64_t present_boot_;
  Sums sums_;  ///< of lives_
  std::map<std::uint64_t, Life> draft_;
  std::set<std::uint64_t> removed_;
};

}  // namespace iotc_ha::spool
