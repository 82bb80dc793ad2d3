// With fortified headers poll() is an inline function, which could not be defined here.
#undef _FORTIFY_SOURCE

#include "paho_seams.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::hub::paho_seams {
namespace {

using Where = Trouble::Where;

// ---- who is calling -----------------------------------------------------------------------------------------------

// The code of libpaho-mqtt3as in memory. Empty until install(), which comes before Paho has a thread.
std::atomic<std::uintptr_t> paho_begin = 0;
std::atomic<std::uintptr_t> paho_end = 0;
std::atomic<bool> enabled = true;

/// Two comparisons and no call: poll() has to stay fit for signal handlers and for the child of a fork.
bool is_paho(const void* return_address) {
  const auto caller = reinterpret_cast<std::uintptr_t>(return_address);
  return caller >= paho_begin.load(std::memory_order_relaxed) && caller < paho_end.load(std::memory_order_relaxed) &&
         enabled.load(std::memory_order_relaxed);
}

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

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// ---- what is to be connected --------------------------------------------------------------------------------------

// Handed from the worker to Paho's send thread. Whoever takes it out owns it.
std::atomic<Expected*> expected_next = nullptr;
// The user timeout for the connect() that follows the getaddrinfo() on the same thread.
thread_local int user_timeout_ms = 0;
thread_local Trouble trouble;
// The socket from which the thread has read last.
thread_local int reading = -1;

// ---- a connection that was cut ------------------------------------------------------------------------------------

// Paho's receive thread deals with an error on a socket after it has let its mutex go and got it again, and finds the
// client by the socket's number. If the client has been destroyed in between, the next one's socket has that number,
// and would be closed without a word. So the number of a socket that we cut stays taken until that thread waits again.
std::atomic<int> cut_socket = -1;   // not yet closed by Paho
std::atomic<int> kept_number = -1;  // closed; something else has its number
thread_local bool keeping = false;

void let_number_go() {
  if (!keeping) return;
  const bool closed = cut_socket.exchange(-1) < 0;
  const int number = kept_number.exchange(-1);
  if (number >= 0) ::close(number);
  keeping = closed && number < 0;  // just being closed by another thread
}

/// The first trouble is the cause, what follows its consequence.
void note(Where where, int error_number, std::string text) {
  if (trouble.where == Where::AfterTls && where == Where::Handshake) {  // no longer a matter of the handshake
    trouble.error_number = error_number;
  } else if (trouble.where == Where::Unknown || trouble.where == Where::AfterTls) {
    trouble = Trouble{where, error_number, std::move(text)};
  }
}

// ---- the receive thread -------------------------------------------------------------------------------------------

// Rung when a connection begins.
int bell() {
  static const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd;
}
// A socket whose connect is under way, until Paho has asked how it ended. One is enough: there is one session at a
// time.
std::atomic<int> connecting = -1;

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
int look_for_writable(Poll* real, pollfd* sockets, nfds_t count) {
  const int result = real(sockets, count, 0);
  receiver.not_writable.clear();
  for (nfds_t i = 0; i < count; ++i) {
    if ((sockets[i].revents & POLLOUT) == 0) receiver.not_writable.push_back(sockets[i].fd);
  }
  return result;
}

/// The same wait, but it ends also when a new connection begins and when a socket can be written that could not be a
/// moment ago. Both are answered as "nothing to read": Paho then looks at everything again.
int wait_for_readable(Poll* real, pollfd* sockets, nfds_t count, int timeout) {
  std::vector<pollfd>& all = receiver.waited;
  all.assign(sockets, sockets + count);
  const int beginning = connecting.load(std::memory_order_acquire);
  for (pollfd& each : all) {
    const auto& blocked = receiver.not_writable;
    const bool wants = each.fd == beginning || std::find(blocked.begin(), blocked.end(), each.fd) != blocked.end();
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
    sockets[i].revents = static_cast<short>(all[i].revents & ~POLLOUT);
    ready += sockets[i].revents != 0 ? 1 : 0;
  }
  // Short and not none: between connect() and Paho's note that it is pending, a look at it changes nothing.
  if (ready == 0) receiver.sleep = result == 0 ? Receiver::Sleep::None : Receiver::Sleep::Short;
  return ready;
}

}  // namespace

void expect(Expected expected) {
  static const bool installed = (install(), true);
  static_cast<void>(installed);
  delete expected_next.exchange(new Expected(std::move(expected)), std::memory_order_acq_rel);
}

Trouble take_trouble() { return std::exchange(trouble, Trouble{}); }

bool cut() {
  if (reading < 0) return false;
  keeping = true;
  cut_socket = reading;
  // Not connected any more: then the other side has cut it.
  return shutdown(reading, SHUT_RDWR) == 0 || errno == ENOTCONN;
}

void enable(bool on) { enabled = on; }

}  // namespace iotc_ha::hub::paho_seams

namespace seams = iotc_ha::hub::paho_seams;

extern "C" {

int poll(pollfd* fds, nfds_t count, int timeout) {
  static auto* const real = seams::next<seams::Poll>("poll");
  if (!seams::is_paho(__builtin_return_address(0))) return real(fds, count, timeout);
  seams::let_number_go();
  if (timeout == 0) return seams::look_for_writable(real, fds, count);
  return seams::wait_for_readable(real, fds, count, timeout);
}

int close(int fd) {
  static auto* const real = seams::next<int(int)>("close");
  int cut = fd;
  if (!seams::is_paho(__builtin_return_address(0)) || !seams::cut_socket.compare_exchange_strong(cut, -1)) {
    return real(fd);
  }
  if (dup3(seams::bell(), fd, O_CLOEXEC) < 0) return real(fd);
  seams::kept_number = fd;
  return 0;
}

int usleep(useconds_t microseconds) {
  static auto* const real = seams::next<int(useconds_t)>("usleep");
  static auto* const real_poll = seams::next<seams::Poll>("poll");
  if (!seams::is_paho(__builtin_return_address(0)) || !seams::is_receive_thread()) return real(microseconds);
  using Sleep = seams::Receiver::Sleep;
  switch (std::exchange(seams::receiver.sleep, Sleep::AsAsked)) {
    case Sleep::None: return 0;
    case Sleep::Short: return real(1'000);
    case Sleep::AsAsked: break;
  }
  // No socket yet, or none that it could serve: the bell ends this sleep.
  pollfd bell{seams::bell(), POLLIN, 0};
  if (real_poll(&bell, 1, static_cast<int>(microseconds / 1'000)) > 0) {
    eventfd_t rung = 0;
    eventfd_read(bell.fd, &rung);
  }
  return 0;
}

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  static auto* const real = seams::next<int(const char*, const char*, const addrinfo*, addrinfo**)>("getaddrinfo");
  if (!seams::is_paho(__builtin_return_address(0))) return real(node, service, hints, result);
  const std::unique_ptr<seams::Expected> expected(seams::expected_next.exchange(nullptr, std::memory_order_acq_rel));
  if (!expected || node == nullptr || expected->host != node) return real(node, service, hints, result);
  seams::user_timeout_ms = static_cast<int>(expected->user_timeout.count());
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  return real(expected->address.c_str(), service, &numeric, result);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  static auto* const real = seams::next<int(int, const sockaddr*, socklen_t)>("connect");
  if (!seams::is_paho(__builtin_return_address(0))) return real(fd, address, length);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int user_timeout = std::exchange(seams::user_timeout_ms, 0);
  if (user_timeout > 0) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  seams::trouble = {};
  seams::connecting.store(fd, std::memory_order_release);
  const int result = real(fd, address, length);
  const int error = errno;
  if (result != 0 && error != EINPROGRESS) {
    seams::connecting.store(-1, std::memory_order_release);
    seams::note(seams::Where::Tcp, error, {});
  }
  eventfd_write(seams::bell(), 1);
  errno = error;
  return result;
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  static auto* const real = seams::next<int(int, int, int, void*, socklen_t*)>("getsockopt");
  const int result = real(fd, level, name, value, length);
  if (level != SOL_SOCKET || name != SO_ERROR || !seams::is_paho(__builtin_return_address(0))) return result;
  // Paho asks once, when the connect has ended.
  int connecting = fd;
  seams::connecting.compare_exchange_strong(connecting, -1, std::memory_order_acq_rel);
  seams::trouble = {};
  int error = 0;
  if (result == 0 && *length == sizeof error) std::memcpy(&error, value, sizeof error);
  if (error != 0) seams::note(seams::Where::Tcp, error, {});
  return result;
}

int SSL_read(SSL* tls, void* buffer, int size) {
  static auto* const real = seams::next<int(SSL*, void*, int)>("SSL_read");
  if (seams::is_paho(__builtin_return_address(0))) seams::reading = SSL_get_fd(tls);
  return real(tls, buffer, size);
}

int SSL_get_error(const SSL* tls, int returned) {
  static auto* const real = seams::next<int(const SSL*, int)>("SSL_get_error");
  if (!seams::is_paho(__builtin_return_address(0))) return real(tls, returned);
  const int system_error = errno;
  const unsigned long first = ERR_peek_error();
  const int result = real(tls, returned);
  const bool cut_off = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (result == SSL_ERROR_SYSCALL || (result == SSL_ERROR_SSL && cut_off)) {
    seams::note(seams::Where::Handshake, cut_off ? 0 : system_error, {});
  } else if (result == SSL_ERROR_SSL) {
    const long verified = SSL_get_verify_result(tls);
    const char* reason = ERR_reason_error_string(first);
    const char* text = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : reason;
    seams::note(seams::Where::Certificate, 0, text != nullptr ? text : "TLS error " + std::to_string(first));
  }
  errno = system_error;
  return result;
}

int X509_check_host(X509* certificate, const char* name, std::size_t length, unsigned int flags, char** peer_name) {
  static auto* const real = seams::next<int(X509*, const char*, std::size_t, unsigned int, char**)>("X509_check_host");
  const int result = real(certificate, name, length, flags, peer_name);
  if (!seams::is_paho(__builtin_return_address(0))) return result;
  seams::note(result == 1 ? seams::Where::AfterTls : seams::Where::HostName, 0, {});
  return result;
}

// Paho's second try, when the name was no match.
int X509_check_ip_asc(X509* certificate, const char* address, unsigned int flags) {
  static auto* const real = seams::next<int(X509*, const char*, unsigned int)>("X509_check_ip_asc");
  const int result = real(certificate, address, flags);
  if (result == 1 && seams::is_paho(__builtin_return_address(0))) {
    seams::trouble = {seams::Where::AfterTls, 0, {}};
  }
  return result;
}

}  // extern "C"
