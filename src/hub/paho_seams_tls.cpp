#include "paho_seams_inside.hpp"
#include "tls_sessions.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

// The functions of OpenSSL, and what went wrong: OpenSSL has the most to say about that. What for: paho_seams.hpp.

namespace iotc_ha::hub::paho_seams {
namespace {

using Where = Trouble::Where;

thread_local Trouble trouble;

}  // namespace

Trouble take_trouble() { return std::exchange(trouble, Trouble{}); }

void note(Where where, int error_number, std::string text) {
  if (trouble.where == Where::AfterTls && where == Where::Handshake) {  // no longer a matter of the handshake
    trouble.error_number = error_number;
  } else if (trouble.where == Where::Unknown || trouble.where == Where::AfterTls ||
             trouble.where == Where::Unprovoked) {
    trouble = Trouble{where, error_number, std::move(text)};
  }
}

void note_anew(Where where) { trouble = Trouble{where, 0, {}}; }

void note_end(bool failed) {
  if (failed) {
    if (trouble.where == Where::Unprovoked) trouble = {};
  } else if (trouble.where == Where::Unknown || (trouble.where == Where::AfterTls && trouble.error_number == 0)) {
    note_anew(Where::Unprovoked);
  }
}

}  // namespace iotc_ha::hub::paho_seams

namespace seams = iotc_ha::hub::paho_seams;
namespace tls_sessions = iotc_ha::hub::tls_sessions;
using seams::Function;
using Where = seams::Trouble::Where;

extern "C" {

int SSL_connect(SSL* tls) {
  static auto* const real = seams::real_function<int(SSL*)>("SSL_connect");
  if (!seams::from_paho(Function::SslConnect, __builtin_return_address(0))) return real(tls);
  if (SSL_in_before(tls) == 1) {
    SSL_set_min_proto_version(tls, TLS1_2_VERSION);
    seams::Socket* const socket = seams::socket_of(SSL_get_fd(tls));
    const auto key = socket != nullptr ? seams::take_tls_key(*socket) : nullptr;
    if (key && !key->empty()) tls_sessions::use(tls, *key);
  }
  const int result = real(tls);
  if (result == 1) tls_sessions::count(tls);
  return result;
}

int SSL_read(SSL* tls, void* buffer, int size) {
  static auto* const real = seams::real_function<int(SSL*, void*, int)>("SSL_read");
  if (!seams::from_paho(Function::SslRead, __builtin_return_address(0))) return real(tls, buffer, size);
  const int fd = SSL_get_fd(tls);
  seams::note_reading(fd);
  const int result = real(tls, buffer, size);
  if (result == 0) seams::note_failure(fd);  // a farewell: Paho does not ask for the error
  return result;
}

int SSL_get_error(const SSL* tls, int returned) {
  static auto* const real = seams::real_function<int(const SSL*, int)>("SSL_get_error");
  if (!seams::from_paho(Function::SslGetError, __builtin_return_address(0))) return real(tls, returned);
  const int system_error = errno;
  const unsigned long first = ERR_peek_error();
  const int result = real(tls, returned);
  const bool cut_off = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (result == SSL_ERROR_SYSCALL || (result == SSL_ERROR_SSL && cut_off)) {
    seams::note(Where::Handshake, cut_off ? 0 : system_error, {});
  } else if (result == SSL_ERROR_SSL) {
    const long verified = SSL_get_verify_result(tls);
    const char* reason = ERR_reason_error_string(first);
    const char* text = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : reason;
    seams::note(Where::Certificate, 0, text != nullptr ? text : "TLS error " + std::to_string(first));
  }
  if (result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE) seams::note_failure(SSL_get_fd(tls));
  errno = system_error;
  return result;
}

int X509_check_host(X509* certificate, const char* name, std::size_t length, unsigned int flags, char** peer_name) {
  static auto* const real =
      seams::real_function<int(X509*, const char*, std::size_t, unsigned int, char**)>("X509_check_host");
  const int result = real(certificate, name, length, flags, peer_name);
  if (!seams::from_paho(Function::X509CheckHost, __builtin_return_address(0))) return result;
  seams::note(result == 1 ? Where::AfterTls : Where::HostName, 0, {});
  return result;
}

// Paho's second try, when the name was no match.
int X509_check_ip_asc(X509* certificate, const char* address, unsigned int flags) {
  static auto* const real = seams::real_function<int(X509*, const char*, unsigned int)>("X509_check_ip_asc");
  const int result = real(certificate, address, flags);
  if (seams::from_paho(Function::X509CheckIp, __builtin_return_address(0)) && result == 1) {
    seams::note_anew(Where::AfterTls);
  }
  return result;
}

}  // extern "C"
