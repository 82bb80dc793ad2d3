#pragma once

#include "stand_in.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

/// A few functions of libc and OpenSSL that this executable defines itself, so that Paho's calls of them arrive here:
/// those of `Function`. A call that does not come from the code of libpaho-mqtt3as goes to the real function,
/// unchanged: libcurl, sdbus-c++ and our own loop live in the same process. There may be several connections at the
/// same time.
///
/// What this is for, and what it cannot be had for otherwise (Paho C 1.3.12 and 1.3.14):
/// - Its receive thread polls for up to 1 s, sees a socket that joins meanwhile only afterwards, does not look for the
///   end of a TCP connect, and then sleeps for another 100 ms: a connection takes 1 s. Here an event descriptor wakes
///   it when a connection begins, and it waits for what it really needs.
/// - It resolves names while holding the one mutex of all its clients. Here it is given the address that we have
///   resolved before.
/// - It sets no socket option and gives no access to its sockets. Here they get TCP_NODELAY and TCP_USER_TIMEOUT.
/// - It finds the client of a socket by the socket's number, after it has let its mutex go and got it again. When
///   another thread has closed that socket meanwhile, a new connection may have its number, and is taken for the old
///   one. Here a number that Paho closes is of no use to anybody until the receive thread looks at its sockets afresh.
/// - It makes a new TLS context for each connection, so that none can be resumed. Here it is given the session of an
///   earlier one, and TLS before 1.2 is refused.
/// - It reports every failed connection as "-1". Here we note what the socket and OpenSSL had to say.
/// - It acknowledges a message when the callback that takes it returns, whatever the callback answers. Here we note
///   which socket a thread reads from, so that the callback can cut the connection first. The callback is called by the
///   thread that has just read the message, with Paho's mutex held, under which Paho closes its sockets: the descriptor
///   can be no other's by then, also when there are several connections.
///
/// Without it (Paho linked statically, or a linker that does not export the functions to shared libraries) everything
/// works, slowly and with less to say; but a message that must not be acknowledged ends the process.
namespace iotc_ha::hub::paho_seams {

/// A connection that Paho is about to be asked for.
struct Expected {
  std::string host;                           ///< as Paho will ask for it
  std::uint16_t port = 0;                     ///< to which it will connect; 0 for any
  std::string address;                        ///< numeric
  std::chrono::milliseconds user_timeout{0};  ///< TCP_USER_TIMEOUT: data unacknowledged for so long end the connection
  std::string tls_key;                        ///< of tls_sessions; "" for a connection that resumes none
  std::shared_ptr<StandIn> stand_in;          ///< connects Paho to the other end of this, and to nothing else
};
/// Before the connect. It is expected for as long as the caller keeps the answer. Any thread; `k_expected_max` at a
/// time, an older one goes.
[[nodiscard]] std::shared_ptr<const Expected> expect(Expected expected);
inline constexpr std::size_t k_expected_max = 8;

/// How far the connection got that the present thread dealt with last, and what stopped it.
struct Trouble {
  enum class Where {
    Unknown,      ///< nothing was noted
    Tcp,          ///< `error_number` says why
    Handshake,    ///< broken off: by a reset (`error_number`), or closed by the other side (0)
    Certificate,  ///< refused, by us or by the other side: `text`
    HostName,     ///< the certificate is valid, but not for the host
    AfterTls,     ///< TLS was in order; `error_number` is what the socket said later, or 0
    Unprovoked,   ///< Paho has closed it although it could be read and written: a PINGREQ had no answer
  };
  Where where = Where::Unknown;
  int error_number = 0;
  std::string text;
};
/// Answers and forgets it. For Paho's callbacks, which run on the thread that met the trouble.
[[nodiscard]] Trouble take_trouble();

/// Ends the connection from which the present thread has read last, for both directions, so that nothing that Paho is
/// about to send on it reaches the other side. Paho finds out by itself. False when it is not known. For Paho's message
/// callback.
[[nodiscard]] bool cut();
/// The same for a connection whose socket a stand-in has taken the place of.
[[nodiscard]] bool cut(const StandIn& taken);

/// For the tests that compare: false lets every call through to the real function. Not while Paho is connecting.
void enable(bool on);

enum class Function : std::uint8_t {
  Poll,
  Close,
  Usleep,
  GetAddrInfo,
  Connect,
  GetSockOpt,
  SslConnect,
  SslRead,
  SslGetError,
  X509CheckHost,
  X509CheckIp,
};
inline constexpr std::size_t k_functions = 11;
/// For the test that asks whether the Paho that is installed still uses what we take over: how often it has called it.
[[nodiscard]] std::uint64_t calls(Function function);

}  // namespace iotc_ha::hub::paho_seams
