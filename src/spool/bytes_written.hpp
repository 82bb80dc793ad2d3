#pragma once

#include <cstdint>

namespace iotc_ha::spool {

/// What a thread has written, as the kernel counts it. The spool's worker writes to nothing but the database.
class BytesWritten {
 public:
  BytesWritten() = default;
  ~BytesWritten();
  BytesWritten(const BytesWritten&) = delete;
  BytesWritten& operator=(const BytesWritten&) = delete;

  /// Of the thread that calls, which is always the same. 0 where the kernel does not count (CONFIG_TASK_IO_ACCOUNTING).
  [[nodiscard]] std::uint64_t so_far();

 private:
  int fd_ = -1;
  bool opened_ = false;
};

}  // namespace iotc_ha::spool
