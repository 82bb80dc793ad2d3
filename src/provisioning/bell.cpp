#include "bell.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace iotc_ha::provisioning {

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Bell::~Bell() { close(fd_); }

void Bell::ring() { eventfd_write(fd_, 1); }  // fails only when it rings already

void Bell::wait_for(std::chrono::milliseconds limit) {
  pollfd rung{fd_, POLLIN, 0};
  if (poll(&rung, 1, static_cast<int>(limit.count())) > 0) hush();
}

void Bell::hush() {
  eventfd_t rings = 0;
  eventfd_read(fd_, &rings);  // fails only when it does not ring
}

}  // namespace iotc_ha::provisioning
