#pragma once

#include <chrono>
#include <string>

/// A few functions of libc and OpenSSL that this executable defines itself, so that Paho's calls of them arrive here:
/// poll, close, usleep, getaddrinfo, connect, getsockopt, SSL_read, SSL_get_error, X509_check_host, X509_check_ip_asc.
/// A call that does not come from the code of libpaho-mqtt3as goes to the real function, unchanged: libcurl, sdbus-c++
/// and our own loop live in the same process.
///
/// What this is for, and what it cannot be had for otherwise (Paho C 1.3.12 and 1.3.14):
/// - Its receive thread polls for up to 1 s, sees a socket that joins meanwhile only afterwards, does not look for the
///   end of a TCP connect, and then sleeps for another 100 ms: a connection takes 1 s. Here an event descriptor wakes
///   it when a connection begins, and it waits for what it really needs.
/// - It resolves names while holding the one mutex of all its clients. Here it is given the address that we have
///   resolved before.
/// - It sets no socket option and gives no access to its sockets. Here they get TCP_NODELAY and TCP_USER_TIMEOUT.
/// - It reports every failed connection as "-1". Here we note what the socket and OpenSSL had to say.
/// - It acknowledges a message when the callback that takes it returns, whatever the callback answers. Here we note
///   which socket a thread reads from, so that the callback can cut the connection first. The callback is called by the
///   thread that has just read the message, with Paho's mutex held, under which Paho closes its sockets: the descriptor
///   can be no other's by then, also when there are several connections.
///
/// Without it (Paho linked statically, or a linker that does not export the functions to shared libraries) everything
/// works, slowly and with less to say; but a message that must not be acknowledged ends the process.
namespace iotc_ha::hub::paho_seams {

/// The connection that Paho is about to be asked for. Worker thread, before each connect.
struct Expected {
  std::string host;                           ///< as Paho will ask for it
  std::string address;                        ///< numeric
  std::chrono::milliseconds user_timeout{0};  ///< TCP_USER_TIMEOUT: data unacknowledged for so long end the connection
};
void expect(Expected expected);

/// How far the connection got that the present thread dealt with last, and what stopped it.
struct Trouble {
  enum class Where {
    Unknown,      ///< nothing was noted
    Tcp,          ///< `error_number` says why
    Handshake,    ///< broken off: by a reset (`error_number`), or closed by the other side (0)
    Certificate,  ///< refused, by us or by the other side: `text`
    HostName,     ///< the certificate is valid, but not for the host
    AfterTls,     ///< TLS was in order; `error_number` is what the socket said later, or 0
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

/// For the benchmark that compares: false lets every call through to the real function. Not while Paho is connecting.
void enable(bool on);

}  // namespace iotc_ha::hub::paho_seams
