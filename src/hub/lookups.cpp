#include "lookups.hpp"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {
namespace {

using core::Fault;

Lookups::Answer resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0 || found == nullptr) {
    const std::string why = code == EAI_SYSTEM ? std::system_category().message(errno) : gai_strerror(code);
    return core::fail(Fault::NameNotResolved, "cannot resolve " + host + ": " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  const addrinfo* chosen = found;
  while (chosen != nullptr && chosen->ai_family != AF_INET) chosen = chosen->ai_next;
  if (chosen == nullptr) chosen = found;
  std::array<char, NI_MAXHOST> text{};
  const int named =
      getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  if (named != 0) return core::fail(Fault::NameNotResolved, host + " has no usable address: " + gai_strerror(named));
  return std::string(text.data());
}

}  // namespace

/// What the thread of a look-up may touch after we are gone: no post() here, because the loop may be gone as well.
struct Lookups::Bell {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Bell() {
    if (fd < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  }
  ~Bell() { close(fd); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
};

struct Lookups::Slot {
  std::optional<Answer> answer;  // written by the thread before `done`, read by the loop after it
  std::atomic<bool> done = false;
};

Lookups::Lookups(runtime::Loop& loop, std::function<void(const std::string&, Answer)> on_answer)
    : on_answer_(std::move(on_answer)), bell_(std::make_shared<Bell>()), attachment_(loop.attach(*this)) {}

Lookups::~Lookups() {
  for (UnderWay& each : under_way_) each.thread->abandon();
}

bool Lookups::ask(const std::string& host) {
  for (const UnderWay& each : under_way_) {
    if (each.host == host) return true;
  }
  if (under_way_.size() >= k_under_way_max) return false;
  auto slot = std::make_shared<Slot>();
  auto thread = std::make_unique<runtime::Worker>("hub-lookup", 1);
  const bool taken = thread->post([slot, bell = bell_, host] {
    slot->answer = resolve(host);
    slot->done.store(true, std::memory_order_release);
    eventfd_write(bell->fd, 1);
  });
  if (taken) under_way_.push_back({host, std::move(slot), std::move(thread)});
  return taken;
}

runtime::Loop::Pollable::Wanted Lookups::wanted() { return {bell_->fd, EPOLLIN, std::chrono::microseconds{-1}}; }

void Lookups::ready() {
  eventfd_t rung = 0;
  eventfd_read(bell_->fd, &rung);
  const auto is_done = [](const UnderWay& each) { return each.slot->done.load(std::memory_order_acquire); };
  const auto first_done = std::stable_partition(under_way_.begin(), under_way_.end(), std::not_fn(is_done));
  std::vector<UnderWay> done(std::make_move_iterator(first_done), std::make_move_iterator(under_way_.end()));
  under_way_.erase(first_done, under_way_.end());
  for (UnderWay& each : done) on_answer_(each.host, *std::move(each.slot->answer));
}

}  // namespace iotc_ha::hub
