#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>

namespace iotc_ha::hub {

/// One end of a pair of sockets, to be put in the place of a socket with which Paho is about to connect: whoever holds
/// the other end is then Paho's peer, and nobody else can be.
class StandIn {
 public:
  /// Owns `fd`, which does not block.
  explicit StandIn(int fd) : fd_(fd) {}
  ~StandIn() {
    if (fd_ >= 0) ::close(fd_);
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  /// Puts it in the place of `socket`, once; from then on that one is all that is left of it. False, with errno, if
  /// that does not work. Paho's send thread.
  [[nodiscard]] bool take_place_of(int socket) {
    if (fd_ < 0 || ::dup3(fd_, socket, O_CLOEXEC) < 0) return false;
    ::close(fd_);
    fd_ = -1;
    taken_ = socket;
    return true;
  }
  /// The number of Paho's socket whose place it took, -1 before that.
  [[nodiscard]] int taken() const { return taken_; }

 private:
  int fd_;
  std::atomic<int> taken_ = -1;
};

}  // namespace iotc_ha::hub
