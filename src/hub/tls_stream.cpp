#include "tls_stream.hpp"

#include "tls_sessions.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {
namespace {

using core::Fault;

constexpr std::size_t k_record_max = std::size_t{16} * 1024;

bool is_numeric(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::string reason_of(unsigned long error) {
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "TLS error " + std::to_string(error);
}

bool expect_host(SSL* tls, std::string host) {
  if (is_numeric(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) == 1;
  // SSL_set_tlsext_host_name(), without its cast.
  return SSL_set1_host(tls, host.c_str()) == 1 &&
         SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) == 1;
}

}  // namespace

struct TlsStream::Session {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> tls{nullptr, &SSL_free};
};

TlsStream::TlsStream(std::unique_ptr<Session> session) : session_(std::move(session)) {}

TlsStream::~TlsStream() = default;

core::Result<std::unique_ptr<TlsStream>> TlsStream::make(int socket, const std::string& host, std::uint16_t port,
                                                         const std::filesystem::path& ca_file) {
  ERR_clear_error();
  auto session = std::make_unique<Session>();
  SSL_CTX* context = session->context.get();
  const auto refused = [](const std::string& what) {
    return core::fail(Fault::TlsRefused, what + ": " + reason_of(ERR_peek_error()));
  };
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return refused("no TLS");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const int trusted =
      ca_file.empty() ? SSL_CTX_set_default_verify_paths(context) : SSL_CTX_load_verify_file(context, ca_file.c_str());
  if (trusted != 1) return refused("cannot read the trust store " + ca_file.string());
  session->tls.reset(SSL_new(context));
  SSL* tls = session->tls.get();
  if (tls == nullptr || SSL_set_fd(tls, socket) != 1 || !expect_host(tls, host)) return refused("no TLS with " + host);
  // Not to be mixed with the sessions of Paho's connections: those are kept before Paho has compared the name, and a
  // resumed session is not compared again here.
  tls_sessions::use(tls, "tunnel " + tls_sessions::key_of(host, port, ca_file));
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(session)));
}

TlsStream::Outcome TlsStream::handshake() {
  ERR_clear_error();
  const Outcome outcome = outcome_of(SSL_connect(session_->tls.get()));
  if (outcome == Outcome::Done) {
    is_open_ = true;
    tls_sessions::count(session_->tls.get());
  }
  return outcome;
}

TlsStream::Outcome TlsStream::read(std::string& to) {
  std::array<char, k_record_max> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): is written first
  ERR_clear_error();
  const int count = SSL_read(session_->tls.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (count > 0) to.append(bytes.data(), static_cast<std::size_t>(count));
  return outcome_of(count);
}

TlsStream::Outcome TlsStream::write(std::string& from) {
  ERR_clear_error();
  const int count = SSL_write(session_->tls.get(), from.data(), static_cast<int>(std::min(from.size(), k_record_max)));
  if (count > 0) from.erase(0, static_cast<std::size_t>(count));
  return outcome_of(count);
}

void TlsStream::say_goodbye() {
  ERR_clear_error();
  SSL_shutdown(session_->tls.get());
}

TlsStream::Outcome TlsStream::outcome_of(int result) {
  if (result > 0) return Outcome::Done;
  const int system_error = errno;
  const int error = SSL_get_error(session_->tls.get(), result);
  if (error == SSL_ERROR_WANT_READ) return Outcome::WantsRead;
  if (error == SSL_ERROR_WANT_WRITE) return Outcome::WantsWrite;
  note(error, system_error);
  return Outcome::Over;
}

void TlsStream::note(int error, int system_error) {
  const unsigned long first = ERR_peek_error();
  const bool cut_off = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  trouble_ = {is_open_ ? Fault::ConnectionLost : Fault::Unreachable, "", {}};
  if (error == SSL_ERROR_SYSCALL && system_error != 0) trouble_.what = std::system_category().message(system_error);
  if (error == SSL_ERROR_SSL && !cut_off) note_refusal(first);
}

void TlsStream::note_refusal(unsigned long first) {
  if (!is_open_) trouble_.fault = Fault::TlsRefused;
  const long verified = SSL_get_verify_result(session_->tls.get());
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    trouble_.what = "its certificate is for another host";
  } else {
    trouble_.what = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : reason_of(first);
  }
}

}  // namespace iotc_ha::hub
