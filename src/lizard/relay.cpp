#include "relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace iotc_ha::lizard {
namespace {

constexpr std::size_t k_connections_max = 256;
constexpr std::size_t k_waiting_bytes_max = 1UL << 20U;  ///< a direction of a connection; more stays with the sender
constexpr int k_events_at_once = 64;
constexpr int k_no_descriptor_pause_ms = 10;
constexpr std::size_t k_client = 0;
constexpr std::size_t k_server = 1;

// What epoll says with an event: the number of a connection or listener, and which side of it.
constexpr std::uint64_t k_timer = 0;
constexpr std::uint64_t k_wake = 1;
constexpr std::uint64_t tag_of(std::uint64_t id, std::size_t side) { return id << 1U | side; }

sockaddr_in socket_address(const Relay::Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.address.c_str(), &address.sin_addr);
  return address;
}

void reset_when_closed(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void watch(int epoll, int fd, std::uint64_t tag, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

bool would_block() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Relay::Relay(std::chrono::milliseconds delay)
    : delay_(delay),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  watch(epoll_.get(), timer_.get(), k_timer, EPOLLIN);
  watch(epoll_.get(), wake_.get(), k_wake, EPOLLIN);
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);  // an eventfd at 0 takes a 1
  thread_.join();
  for (const auto& [id, connection] : connections_) {
    for (const Side& side : connection.sides) reset_when_closed(side.socket.get());
  }
}

core::Result<void> Relay::open(const Endpoint& from, const Endpoint& to) {
  Listener listener{
      .socket = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), .from = from, .to = to};
  const int fd = listener.socket.get();
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = socket_address(from);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) {
    std::string what = "cannot listen on " + from.address + ":" + std::to_string(from.port) + ": " +
                       std::error_code(errno, std::generic_category()).message();
    if (errno == EACCES) what += "; choose a port over 1023 with --dps-port, or run as root";
    if (errno == EADDRINUSE) what += "; is another lizard running there? choose another --network";
    return core::fail(core::Fault::BadConfiguration, std::move(what));
  }
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = ++last_id_;
  listeners_[id] = std::move(listener);
  watch(epoll_.get(), fd, tag_of(id, k_client), EPOLLIN);
  return {};
}

void Relay::close(const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second.from.address == address; });
}

// ---------------------------------------------------------------------------------------------------- the relay's
// thread

void Relay::run() {
  std::array<epoll_event, k_events_at_once> events{};
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), k_events_at_once, -1);
    const std::lock_guard lock(mutex_);
    if (over_) return;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = events.at(static_cast<std::size_t>(i)).data.u64;
      const std::uint32_t what = events.at(static_cast<std::size_t>(i)).events;
      if (tag == k_timer) {
        std::uint64_t times = 0;
        [[maybe_unused]] const ssize_t size = ::read(timer_.get(), &times, sizeof times);
      } else if (const auto listener = listeners_.find(tag >> 1U); listener != listeners_.end()) {
        accept_all(listener->second);
      } else if (const auto found = connections_.find(tag >> 1U); found != connections_.end()) {
        const std::size_t side = tag & 1U;
        if ((what & EPOLLOUT) != 0) found->second.sides.at(1 - side).flow.blocked = false;
        if ((what & ~EPOLLOUT) != 0) read(found->second, side);
      }
    }
    const auto now = Clock::now();
    for (auto entry = connections_.begin(); entry != connections_.end();) {
      deliver(entry->second, k_client, now);
      deliver(entry->second, k_server, now);
      entry = settle(entry->first, entry->second) ? std::next(entry) : connections_.erase(entry);
    }
    set_timer();
  }
}

void Relay::accept_all(const Listener& listener) {
  while (true) {
    Descriptor client(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client.valid()) {
      connect(std::move(client), listener.to);
    } else if (would_block()) {
      return;
    } else if (errno != ECONNABORTED) {
      // Out of descriptors: the connection stays in the queue, and epoll would say so again at once.
      poll(nullptr, 0, k_no_descriptor_pause_ms);
      return;
    }
  }
}

void Relay::connect(Descriptor client, const Endpoint& to) {
  Descriptor server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connections_.size() >= k_connections_max || !server.valid()) return reset_when_closed(client.get());
  const int on = 1;
  for (const int fd : {client.get(), server.get()}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in address = socket_address(to);
  // What becomes of it is read from the socket later: a refusal is handed on as a reset.
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS && errno != ECONNREFUSED) {
    return reset_when_closed(client.get());
  }
  const std::uint64_t id = ++last_id_;
  Connection& connection = connections_[id];
  connection.opened = Clock::now() + 2 * delay_;
  connection.sides[k_client].socket = std::move(client);
  connection.sides[k_server].socket = std::move(server);
  for (const std::size_t side : {k_client, k_server}) {
    Side& added = connection.sides.at(side);
    added.interest = EPOLLIN;
    watch(epoll_.get(), added.socket.get(), tag_of(id, side), added.interest);
  }
}

/// What side `side` sends waits for its time from now on.
void Relay::read(Connection& connection, std::size_t side) {
  Side& from = connection.sides.at(side);
  if (!from.socket.valid() || from.read_to_end) return;
  std::array<char, 65536> bytes{};
  const ssize_t count = recv(from.socket.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && would_block()) return;
  if (count <= 0) return end(connection, side, count == 0 ? Kind::End : Kind::Reset);
  if (!connection.sides.at(1 - side).socket.valid()) return;  // nobody is there to get it
  auto sent = Clock::now();
  if (side == k_client) sent = std::max(sent, connection.opened);
  from.flow.bytes += static_cast<std::size_t>(count);
  from.flow.pieces.push_back(
      {.due = sent + delay_, .kind = Kind::Bytes, .bytes = std::string(bytes.data(), static_cast<std::size_t>(count))});
}

/// Side `side` sends nothing more. After a reset nothing reaches it either.
void Relay::end(Connection& connection, std::size_t side, Kind kind) {
  Side& from = connection.sides.at(side);
  auto sent = Clock::now();
  if (side == k_client) sent = std::max(sent, connection.opened);
  if (connection.sides.at(1 - side).socket.valid() && (!from.read_to_end || kind == Kind::Reset)) {
    from.flow.pieces.push_back({.due = sent + delay_, .kind = kind, .bytes = {}});
  }
  from.read_to_end = true;
  if (kind != Kind::Reset) return;
  from.written_to_end = true;
  from.socket.reset();
  connection.sides.at(1 - side).flow = {};
}

/// Writes as much of the flow's first piece as the socket takes. False when the socket is dead.
bool Relay::write(Flow& flow, Side& to) {
  const std::string& bytes = flow.pieces.front().bytes;
  const ssize_t count = send(to.socket.get(), bytes.data() + flow.sent, bytes.size() - flow.sent, MSG_NOSIGNAL);
  if (count < 0 && !would_block()) return false;
  if (count > 0) flow.sent += static_cast<std::size_t>(count);
  if (flow.sent < bytes.size()) {
    flow.blocked = true;
    return true;
  }
  flow.bytes -= bytes.size();
  flow.sent = 0;
  flow.pieces.pop_front();
  return true;
}

/// Hands on what side `side` has sent and whose time has come.
void Relay::deliver(Connection& connection, std::size_t side, Clock::time_point now) {
  Flow& flow = connection.sides.at(side).flow;
  Side& to = connection.sides.at(1 - side);
  // A reset does not wait for the bytes before it, which a peer that does not read would hold up for ever.
  const bool is_reset = !flow.pieces.empty() && flow.pieces.back().kind == Kind::Reset && flow.pieces.back().due <= now;
  while (to.socket.valid() && !flow.pieces.empty() && flow.pieces.front().due <= now && !flow.blocked) {
    const Kind kind = flow.pieces.front().kind;
    if (kind == Kind::Reset) break;
    if (kind == Kind::Bytes) {
      if (!write(flow, to)) return end(connection, 1 - side, Kind::Reset);
      continue;
    }
    shutdown(to.socket.get(), SHUT_WR);
    to.written_to_end = true;
    flow.pieces.pop_front();
  }
  if (!is_reset) return;
  if (to.socket.valid()) reset_when_closed(to.socket.get());
  to.socket.reset();
  to.read_to_end = to.written_to_end = true;
  flow = {};
}

bool Relay::settle(std::uint64_t id, Connection& connection) const {
  bool alive = false;
  for (const std::size_t index : {k_client, k_server}) {
    Side& side = connection.sides.at(index);
    const Side& other = connection.sides.at(1 - index);
    // epoll would go on saying that it has hung up.
    if (side.read_to_end && side.written_to_end) side.socket.reset();
    if (!side.socket.valid()) continue;
    alive = true;
    const bool reading = !side.read_to_end && other.socket.valid() && side.flow.bytes < k_waiting_bytes_max;
    const std::uint32_t wanted = (reading ? EPOLLIN : 0U) | (other.flow.blocked ? EPOLLOUT : 0U);
    if (wanted == side.interest) continue;
    side.interest = wanted;
    epoll_event event{.events = wanted, .data = {.u64 = tag_of(id, index)}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, side.socket.get(), &event);
  }
  return alive;
}

void Relay::set_timer() {
  std::optional<Clock::time_point> next;
  for (const auto& [id, connection] : connections_) {
    for (const Side& side : connection.sides) {
      if (side.flow.pieces.empty()) continue;
      // The last counts for a reset behind bytes that are held up.
      const Piece& piece = side.flow.blocked ? side.flow.pieces.back() : side.flow.pieces.front();
      if (side.flow.blocked && piece.kind != Kind::Reset) continue;
      if (!next || piece.due < *next) next = piece.due;
    }
  }
  itimerspec when{};  // all zero: no timer
  if (next) {
    const auto since_boot = std::max(next->time_since_epoch(), Clock::duration(1));
    when.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(since_boot).count();
    when.it_value.tv_nsec = std::chrono::nanoseconds(since_boot % std::chrono::seconds(1)).count();
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace iotc_ha::lizard
