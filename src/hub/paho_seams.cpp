#include "paho_seams.hpp"

#include "bag.hpp"
#include "paho_seams_inside.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

// What a sanitizer does instead of the real function, if there is one. Statically linked, as clang does it, its
// functions are in the executable, where RTLD_NEXT does not look; and a close() of which the thread sanitizer hears
// nothing makes it take the next owner of the number for a thief.
extern "C" {
int __interceptor_poll(pollfd*, nfds_t, int) __attribute__((weak));
int __interceptor_close(int) __attribute__((weak));
int __interceptor_usleep(useconds_t) __attribute__((weak));
int __interceptor_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) __attribute__((weak));
int __interceptor_connect(int, const sockaddr*, socklen_t) __attribute__((weak));
int __interceptor_getsockopt(int, int, int, void*, socklen_t*) __attribute__((weak));
}

namespace iotc_ha::hub::paho_seams {
namespace {

// ---- who is calling -----------------------------------------------------------------------------------------------

// The code of libpaho-mqtt3as in memory. Empty until install(), which comes before Paho has a thread.
std::atomic<std::uintptr_t> paho_begin = 0;
std::atomic<std::uintptr_t> paho_end = 0;
std::atomic<bool> enabled = true;
std::array<std::atomic<std::uint64_t>, k_functions> counts{};

void install() {
  const auto inside = reinterpret_cast<std::uintptr_t>(dlsym(RTLD_DEFAULT, "MQTTAsync_connect"));
  if (inside == 0) return;
  const auto find = [](dl_phdr_info* object, std::size_t /*size*/, void* wanted) {
    const std::uintptr_t address = *static_cast<const std::uintptr_t*>(wanted);
    for (int i = 0; i < object->dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = object->dlpi_phdr[i];
      const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
      if (segment.p_type != PT_LOAD || address < begin || address >= begin + segment.p_memsz) continue;
      // Linked statically, Paho's code is not to be told from ours: then nothing is taken over.
      const auto ours = reinterpret_cast<std::uintptr_t>(&install);
      if (ours >= begin && ours < begin + segment.p_memsz) return 1;
      paho_begin = begin;
      paho_end = begin + segment.p_memsz;
      return 1;
    }
    return 0;
  };
  std::uintptr_t wanted = inside;
  dl_iterate_phdr(find, &wanted);
}

// ---- what is to be connected --------------------------------------------------------------------------------------

using Expectation = std::weak_ptr<const Expected>;
Bag<Expectation, k_expected_max> expectations;

/// Takes it out, because each is for one connection. Paho's send thread alone takes out what is still expected.
std::shared_ptr<const Expected> take_expected(const std::string& host, std::uint16_t port) {
  std::shared_ptr<const Expected> found;
  static_cast<void>(expectations.take_if([&](const Expectation& each) {
    auto expected = each.lock();
    if (!expected || expected->host != host) return false;
    if (port != 0 && expected->port != 0 && expected->port != port) return false;
    found = std::move(expected);
    return true;
  }));
  return found;
}

std::uint16_t port_of(const sockaddr* address, socklen_t length) {
  sockaddr_in6 either{};  // the port is at the same place in both
  if (address == nullptr || length < sizeof(sockaddr_in) || length > sizeof either) return 0;
  std::memcpy(&either, address, length);
  return ntohs(either.sin6_port);
}

// The host of the connect() that follows the getaddrinfo() on the same thread.
thread_local std::string asked_host;
// The socket from which the thread has read last.
thread_local int reading = -1;

// ---- Paho's sockets -----------------------------------------------------------------------------------------------

// By their numbers.
std::array<Socket, 512> sockets{};
constexpr int k_kept_max = 64;
std::atomic<int> kept_count = 0;

bool cut_off(int socket) {
  // Not connected any more: then the other side has cut it.
  return socket >= 0 && (shutdown(socket, SHUT_RDWR) == 0 || errno == ENOTCONN);
}

// ---- the receive thread -------------------------------------------------------------------------------------------

// Rung when a connection begins or has been closed.
int bell() {
  static const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd;
}

/// True if the number is taken by something else now, instead of being free.
bool keep_number(int fd, Socket& socket) {
  if (kept_count.fetch_add(1) < k_kept_max && dup3(bell(), fd, O_CLOEXEC) == fd) {
    socket.kept.store(true, std::memory_order_release);
    eventfd_write(bell(), 1);
    return true;
  }
  --kept_count;
  return false;
}

/// For the receive thread, while it has no number in hand: Paho removes a socket from the list of what is polled under
/// the same lock under which it closes it and under which it copies the list.
void let_numbers_go() {
  if (kept_count.load(std::memory_order_relaxed) == 0) return;
  for (std::size_t fd = 0; fd < sockets.size(); ++fd) {
    if (!sockets.at(fd).kept.exchange(false, std::memory_order_acq_rel)) continue;
    ::close(static_cast<int>(fd));
    --kept_count;
  }
}

/// A connect() that is over at once: the other end of the stand-in is there already.
int take_place(StandIn& stand_in, int socket) {
  if (!stand_in.take_place_of(socket)) return -1;
  eventfd_write(bell(), 1);
  return 0;
}

struct Receiver {
  std::vector<int> not_writable;  // as of Paho's last look
  std::vector<pollfd> waited;
  enum class Sleep { AsAsked, Short, None } sleep = Sleep::AsAsked;
};
thread_local Receiver receiver;

bool is_receive_thread() {
  static thread_local const bool is = [] {
    std::array<char, 16> name{};
    return pthread_getname_np(pthread_self(), name.data(), name.size()) == 0 &&
           std::string_view(name.data()) == "MQTTAsync_rcv";
  }();
  return is;
}

using Poll = int(pollfd*, nfds_t, int);

/// Paho asks first, without waiting, which sockets can be written, and then waits for any of them to be readable.
int look_for_writable(Poll* real, pollfd* fds, nfds_t count) {
  let_numbers_go();
  const int result = real(fds, count, 0);
  receiver.not_writable.clear();
  for (nfds_t i = 0; i < count; ++i) {
    if ((fds[i].revents & POLLOUT) == 0) receiver.not_writable.push_back(fds[i].fd);
  }
  return result;
}

/// The same wait, but it ends also when a new connection begins and when a socket can be written that could not be a
/// moment ago. Both are answered as "nothing to read": Paho then looks at everything again.
int wait_for_readable(Poll* real, pollfd* fds, nfds_t count, int timeout) {
  std::vector<pollfd>& all = receiver.waited;
  all.assign(fds, fds + count);
  for (pollfd& each : all) {
    const auto& blocked = receiver.not_writable;
    const Socket* socket = socket_of(each.fd);
    const bool wants = (socket != nullptr && socket->connecting.load(std::memory_order_acquire)) ||
                       std::find(blocked.begin(), blocked.end(), each.fd) != blocked.end();
    if (wants) each.events = static_cast<short>(each.events | POLLOUT);
  }
  all.push_back({bell(), POLLIN, 0});
  const int result = real(all.data(), all.size(), timeout);
  if (result < 0) return result;
  if (all.back().revents != 0) {
    eventfd_t rung = 0;
    eventfd_read(bell(), &rung);
  }
  int ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    fds[i].revents = static_cast<short>(all[i].revents & ~POLLOUT);
    ready += fds[i].revents != 0 ? 1 : 0;
  }
  // Short and not none: between connect() and Paho's note that it is pending, a look at it changes nothing.
  if (ready == 0) receiver.sleep = result == 0 ? Receiver::Sleep::None : Receiver::Sleep::Short;
  return ready;
}

}  // namespace

bool from_paho(Function function, const void* return_address) {
  const auto caller = reinterpret_cast<std::uintptr_t>(return_address);
  if (caller < paho_begin.load(std::memory_order_relaxed) || caller >= paho_end.load(std::memory_order_relaxed) ||
      !enabled.load(std::memory_order_relaxed)) {
    return false;
  }
  counts.at(static_cast<std::size_t>(function)).fetch_add(1, std::memory_order_relaxed);
  return true;
}

Socket* socket_of(int fd) {
  return fd >= 0 && static_cast<std::size_t>(fd) < sockets.size() ? &sockets.at(static_cast<std::size_t>(fd)) : nullptr;
}

std::unique_ptr<std::string> take_tls_key(Socket& socket) {
  return std::unique_ptr<std::string>(socket.tls_key.exchange(nullptr, std::memory_order_acq_rel));
}

void note_failure(int fd) {
  if (Socket* socket = socket_of(fd)) socket->failed = true;
}

void note_reading(int fd) { reading = fd; }

std::shared_ptr<const Expected> expect(Expected expected) {
  static const bool installed = (install(), true);
  static_cast<void>(installed);
  while (expectations.take_if([](const Expectation& each) { return each.expired(); })) {
  }
  auto kept = std::make_shared<const Expected>(std::move(expected));
  expectations.put(std::make_unique<Expectation>(kept));
  return kept;
}

bool cut() { return cut_off(reading); }
bool cut(const StandIn& taken) { return cut_off(taken.taken()); }

void enable(bool on) { enabled = on; }

std::uint64_t calls(Function function) { return counts.at(static_cast<std::size_t>(function)); }

}  // namespace iotc_ha::hub::paho_seams

namespace seams = iotc_ha::hub::paho_seams;
using seams::Function;

extern "C" {

int poll(pollfd* fds, nfds_t count, int timeout) {
  static auto* const real = seams::real_function("poll", &__interceptor_poll);
  if (!seams::from_paho(Function::Poll, __builtin_return_address(0))) return real(fds, count, timeout);
  if (timeout == 0) return seams::look_for_writable(real, fds, count);
  return seams::wait_for_readable(real, fds, count, timeout);
}

int close(int fd) {
  static auto* const real = seams::real_function("close", &__interceptor_close);
  if (!seams::from_paho(Function::Close, __builtin_return_address(0))) return real(fd);
  seams::Socket* const socket = seams::socket_of(fd);
  if (socket == nullptr) return real(fd);
  seams::note_end(socket->failed.exchange(false));
  socket->connecting = false;
  static_cast<void>(seams::take_tls_key(*socket));
  return seams::keep_number(fd, *socket) ? 0 : real(fd);
}

int usleep(useconds_t microseconds) {
  static auto* const real = seams::real_function("usleep", &__interceptor_usleep);
  static auto* const real_poll = seams::real_function("poll", &__interceptor_poll);
  if (!seams::from_paho(Function::Usleep, __builtin_return_address(0)) || !seams::is_receive_thread()) {
    return real(microseconds);
  }
  using Sleep = seams::Receiver::Sleep;
  switch (std::exchange(seams::receiver.sleep, Sleep::AsAsked)) {
    case Sleep::None: return 0;
    case Sleep::Short: return real(1'000);
    case Sleep::AsAsked: break;
  }
  // No socket yet, or none that it could serve: the bell ends this sleep.
  seams::let_numbers_go();
  pollfd bell{seams::bell(), POLLIN, 0};
  if (real_poll(&bell, 1, static_cast<int>(microseconds / 1'000)) > 0) {
    eventfd_t rung = 0;
    eventfd_read(bell.fd, &rung);
  }
  return 0;
}

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  static auto* const real = seams::real_function("getaddrinfo", &__interceptor_getaddrinfo);
  if (!seams::from_paho(Function::GetAddrInfo, __builtin_return_address(0)) || node == nullptr) {
    return real(node, service, hints, result);
  }
  seams::asked_host = node;
  // The port comes with the connect(), and decides which one it is; the address of the host is the same.
  const auto expected = seams::take_expected(node, 0);
  if (!expected) return real(node, service, hints, result);
  seams::expectations.put(std::make_unique<seams::Expectation>(expected));
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  return real(expected->address.c_str(), service, &numeric, result);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  static auto* const real = seams::real_function("connect", &__interceptor_connect);
  if (!seams::from_paho(Function::Connect, __builtin_return_address(0))) return real(fd, address, length);
  const auto expected = seams::take_expected(seams::asked_host, seams::port_of(address, length));
  seams::note_anew();
  if (expected && expected->stand_in) return seams::take_place(*expected->stand_in, fd);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int user_timeout = expected ? static_cast<int>(expected->user_timeout.count()) : 0;
  if (user_timeout > 0) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  seams::Socket* const socket = seams::socket_of(fd);
  if (socket != nullptr) {
    auto key = std::make_unique<std::string>(expected ? expected->tls_key : std::string());
    delete socket->tls_key.exchange(key.release(), std::memory_order_acq_rel);
    socket->failed = false;
    socket->connecting.store(true, std::memory_order_release);
  }
  const int result = real(fd, address, length);
  const int error = errno;
  if (result != 0 && error != EINPROGRESS) {
    if (socket != nullptr) socket->connecting = false;
    seams::note(seams::Trouble::Where::Tcp, error, {});
  }
  eventfd_write(seams::bell(), 1);
  errno = error;
  return result;
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  static auto* const real = seams::real_function("getsockopt", &__interceptor_getsockopt);
  const int result = real(fd, level, name, value, length);
  if (level != SOL_SOCKET || name != SO_ERROR || !seams::from_paho(Function::GetSockOpt, __builtin_return_address(0))) {
    return result;
  }
  // Paho asks once, when the connect has ended.
  if (seams::Socket* const socket = seams::socket_of(fd)) socket->connecting = false;
  seams::note_anew();
  int error = 0;
  if (result == 0 && *length == sizeof error) std::memcpy(&error, value, sizeof error);
  if (error != 0) seams::note(seams::Trouble::Where::Tcp, error, {});
  return result;
}

}  // extern "C"
