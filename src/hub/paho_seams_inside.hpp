#pragma once

#include "paho_seams.hpp"

#include <dlfcn.h>

#include <atomic>
#include <memory>
#include <string>

/// What the functions of libc and those of OpenSSL that are taken over share.
namespace iotc_ha::hub::paho_seams {

/// Whether Paho calls, who is counted then. A few comparisons and no call: poll() has to stay fit for signal handlers
/// and for the child of a fork.
[[nodiscard]] bool from_paho(Function function, const void* return_address);

template <typename Signature>
Signature* real_function(const char* name, Signature* of_the_sanitizer = nullptr) {
  return of_the_sanitizer != nullptr ? of_the_sanitizer : reinterpret_cast<Signature*>(dlsym(RTLD_NEXT, name));
}

struct Socket {
  std::atomic<bool> connecting = false;  ///< until Paho has asked how that ended
  std::atomic<bool> failed = false;      ///< could not be read or written
  std::atomic<bool> kept = false;        ///< closed; the number is taken by something else
  std::atomic<std::string*> tls_key = nullptr;
};
/// Null for numbers above those that we count with: these come to no harm, and are slow.
[[nodiscard]] Socket* socket_of(int fd);
[[nodiscard]] std::unique_ptr<std::string> take_tls_key(Socket& socket);

/// Of the present thread. The first trouble is the cause, what follows its consequence.
void note(Trouble::Where where, int error_number, std::string text);
/// Forgets what was noted, for a new connection or a new finding.
void note_anew(Trouble::Where where = Trouble::Where::Unknown);
/// Its socket is being closed, after it has failed or not. Paho tells of a lost connection on the thread that has just
/// closed its socket.
void note_end(bool failed);
/// The socket could not be read or written.
void note_failure(int fd);
/// The present thread reads from it now.
void note_reading(int fd);

}  // namespace iotc_ha::hub::paho_seams
