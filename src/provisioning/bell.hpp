#pragma once

#include <chrono>

namespace iotc_ha::provisioning {

/// Wakes one thread, which waits for this among other things. A ring that nobody waited for ends the next wait.
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring();  ///< any thread
  /// Until it rings, at most so long; it may return early.
  void wait_for(std::chrono::milliseconds limit);
  /// Readable once it has rung, until hush().
  [[nodiscard]] int fd() const { return fd_; }
  void hush();

 private:
  const int fd_;
};

}  // namespace iotc_ha::provisioning
