#include "clock_watch.hpp"
#include "network_view.hpp"

#include <iotc_ha/runtime/world.hpp>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace iotc_ha::runtime {
namespace {

using std::chrono::microseconds;
using Heard = std::function<void()>;

/// A descriptor that the loop waits on, until something is wrong with it.
class Watched : public Loop::Pollable {
 public:
  Watched(int fd, Heard heard, std::string& trouble) : fd_(fd), heard_(std::move(heard)), trouble_(trouble) {}
  ~Watched() override {
    if (fd_ >= 0) close(fd_);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  Wanted wanted() override { return {given_up_ ? -1 : fd_, EPOLLIN, microseconds{-1}}; }

 protected:
  [[nodiscard]] int fd() const { return fd_; }
  void heard() const { heard_(); }
  /// Closed only when the loop has let go of it.
  void give_up(const char* what, int error) {
    given_up_ = true;
    trouble_ = std::string(what) + ": " + std::generic_category().message(error);
  }

 private:
  const int fd_;
  bool given_up_ = false;
  const Heard heard_;
  std::string& trouble_;
};

/// What the kernel tells of links, addresses and routes. Begins with what is there, so that it can tell what is new.
class Netlink final : public Watched {
 public:
  Netlink(Heard heard, std::string& trouble)
      : Watched(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), std::move(heard), trouble) {
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    own.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
    socklen_t size = sizeof own;
    if (fd() < 0 || bind(fd(), reinterpret_cast<sockaddr*>(&own), size) != 0 ||
        getsockname(fd(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
      give_up(k_unnoticed, errno);
      return;
    }
    own_port_ = own.nl_pid;
    begin_anew();
  }

  void ready() override {
    constexpr int k_datagrams_max = 64;  // the loop has others to serve
    bool news = false;
    for (int i = 0; i < k_datagrams_max; ++i) {
      sockaddr_nl from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          recvfrom(fd(), buffer_.data(), buffer_.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno != ENOBUFS) {
        if (errno != EAGAIN) give_up(k_unnoticed, errno);
        break;
      }
      if (got >= 0 && from.nl_pid != 0) continue;  // not the kernel
      if (got < 0 || static_cast<std::size_t>(got) > buffer_.size()) {
        news = true;  // messages were lost, so there may have been one in them
        begin_anew();
        continue;
      }
      const auto told = view_.read(std::span(buffer_).first(static_cast<std::size_t>(got)), own_port_);
      news = news || told.news;
      if (told.answered) ask_next();
    }
    if (news) heard();
  }

 private:
  static constexpr std::array<std::uint16_t, 3> k_questions{RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE};

  static constexpr const char* k_unnoticed = "changes of the network are not noticed";

  void begin_anew() {
    view_.forget();
    next_ = 0;
    if (!asking_) ask_next();  // else when that answer has come to its end: the kernel answers one question at a time
  }

  void ask_next() {
    asking_ = next_ < k_questions.size();
    if (!asking_) return;
    struct {
      nlmsghdr head;
      rtgenmsg body;
    } question{};
    question.head.nlmsg_len = NLMSG_LENGTH(sizeof question.body);
    question.head.nlmsg_type = k_questions.at(next_++);
    question.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    question.body.rtgen_family = AF_UNSPEC;
    // A question that cannot be asked costs no more than news too many.
    if (send(fd(), &question, question.head.nlmsg_len, 0) < 0) asking_ = false;
  }

  std::vector<std::byte> buffer_ = std::vector<std::byte>(std::size_t{32} << 10U);  // the longest that a dump sends
  std::uint32_t own_port_ = 0;
  bool asking_ = false;
  std::size_t next_ = 0;  // of k_questions
  NetworkView view_;
};

/// Woken when CLOCK_REALTIME is set, and when the machine resumes.
class ClockAlarm final : public Watched {
 public:
  ClockAlarm(Heard heard, std::string& trouble)
      : Watched(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), std::move(heard), trouble) {
    if (fd() < 0) {
      give_up(k_late, errno);
    } else {
      arm();
    }
  }

  void ready() override {
    std::uint64_t count = 0;
    if (read(fd(), &count, sizeof count) >= 0) return give_up(k_late, ETIME);  // a time_t of 32 bits ends in 2038
    if (errno == EAGAIN || errno == EINTR) return;
    if (errno != ECANCELED) return give_up(k_late, errno);
    arm();
    heard();
  }

 private:
  static constexpr const char* k_late = "a clock that is set is noticed late";

  /// For the end of time, to be cancelled before.
  void arm() {
    itimerspec never{};
    never.it_value.tv_sec = std::numeric_limits<std::time_t>::max();
    if (timerfd_settime(fd(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) != 0)
      give_up(k_late, errno);
  }
};

microseconds clock_shows(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds{now.tv_sec} +
         std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{now.tv_nsec});
}

/// All three clocks at one moment; nothing when the process did not get to read them in one go.
std::optional<ClockWatch::Shown> clocks_show() {
  constexpr int k_tries = 3;
  constexpr std::chrono::milliseconds k_moment{100};
  for (int i = 0; i < k_tries; ++i) {
    ClockWatch::Shown shown;
    shown.boottime = clock_shows(CLOCK_BOOTTIME);
    shown.realtime = clock_shows(CLOCK_REALTIME);
    shown.monotonic = clock_shows(CLOCK_MONOTONIC);
    if (clock_shows(CLOCK_BOOTTIME) - shown.boottime < k_moment) return shown;
  }
  return std::nullopt;
}

}  // namespace

struct World::Inside {
  Inside(Loop& its_loop, std::function<void(News)> its_on_news) : loop(its_loop), on_news(std::move(its_on_news)) {
    look_again();
  }

  Loop& loop;
  const std::function<void(News)> on_news;
  std::string network_trouble;
  std::string clock_trouble;
  std::string trouble;
  std::optional<ClockWatch> clocks;
  bool network_changed = false;
  std::optional<core::Instant> restless_since;

  std::unique_ptr<Loop::Timer> settled = loop.make_timer([this] { tell(); });
  std::unique_ptr<Loop::Timer> again = loop.make_timer([this] { look_again(); });
  // After the alarm is armed the clocks are looked at for the first time, so that no step falls between the two.
  ClockAlarm alarm{[this] { wait_until_settled(); }, clock_trouble};
  Netlink netlink{[this] {
                    network_changed = true;
                    wait_until_settled();
                  },
                  network_trouble};
  std::unique_ptr<Loop::Attachment> alarm_attachment = loop.attach(alarm);
  std::unique_ptr<Loop::Attachment> netlink_attachment = loop.attach(netlink);

  /// Until nothing has come for k_settle, but not for ever.
  void wait_until_settled() {
    constexpr int k_times_max = 5;
    const core::Instant now = loop.now();
    if (!restless_since) restless_since = now;
    settled->arm(std::min(now + k_settle, *restless_since + k_times_max * k_settle));
  }

  void tell() {
    restless_since.reset();
    look_at_clocks();
    if (std::exchange(network_changed, false)) on_news({Change::Network});
  }

  void look_again() {
    constexpr std::chrono::minutes k_each{1};
    again->arm(loop.now() + k_each);
    look_at_clocks();
  }

  void look_at_clocks() {
    const auto shown = clocks_show();
    if (!shown) return;
    if (!clocks) clocks.emplace(*shown);
    const ClockWatch::Change change = clocks->look(*shown);
    if (change.slept.count() != 0) on_news({Change::Resumed, change.slept});
    if (change.set.count() != 0) on_news({Change::ClockSet, change.set});
  }
};

World::World(Loop& loop, std::function<void(News)> on_news)
    : inside_(std::make_unique<Inside>(loop, std::move(on_news))) {}
World::~World() = default;

const std::string& World::trouble() const {
  const std::string& both = inside_->network_trouble;
  inside_->trouble = both + (both.empty() || inside_->clock_trouble.empty() ? "" : "; ") + inside_->clock_trouble;
  return inside_->trouble;
}

}  // namespace iotc_ha::runtime
