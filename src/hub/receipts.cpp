#include "receipts.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {

/// One receipt. It outlives the connection if its owner wishes.
class Receipts::Slip final : public Receipt {
 public:
  Slip(std::shared_ptr<Receipts> receipts, std::uint64_t number) : receipts_(std::move(receipts)), number_(number) {}
  ~Slip() override {
    if (!stored_) receipts_->close();
  }
  Slip(const Slip&) = delete;
  Slip& operator=(const Slip&) = delete;

  void stored() override {
    stored_ = true;
    receipts_->stored(number_);
  }

 private:
  const std::shared_ptr<Receipts> receipts_;
  const std::uint64_t number_;
  bool stored_ = false;
};

Receipts::Receipts(std::chrono::milliseconds limit) : limit_(limit), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (bell_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Receipts::~Receipts() { ::close(bell_); }

bool Receipts::await(const std::function<void(std::shared_ptr<Receipt>)>& hand_out) {
  using Clock = std::chrono::steady_clock;
  if (refused_) return false;
  const std::uint64_t number = ++last_handed_out_;
  const auto end = Clock::now() + limit_;
  hand_out(std::make_shared<Slip>(shared_from_this(), number));
  // In this order: what was stored at the last moment is no refusal.
  while (last_stored_ != number && !refused_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left <= left.zero()) break;
    pollfd bell{bell_, POLLIN, 0};
    eventfd_t rung = 0;
    if (::poll(&bell, 1, static_cast<int>(left.count())) > 0) eventfd_read(bell_, &rung);
  }
  if (last_stored_ == number) return true;
  refused_ = true;
  return false;
}

void Receipts::close() {
  refused_ = true;
  eventfd_write(bell_, 1);
}

void Receipts::stored(std::uint64_t number) {
  last_stored_ = number;
  eventfd_write(bell_, 1);
}

}  // namespace iotc_ha::hub
