#include "tls_sessions.hpp"

#include "bag.hpp"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <utility>

namespace iotc_ha::hub::tls_sessions {
namespace {

using SessionPointer = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

struct Kept {
  std::string key;
  SessionPointer session;
};

Bag<Kept, k_kept_max> kept;
std::atomic<std::uint64_t> resumed_count = 0;

void free_key(void* /*tls*/, void* key, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*number*/, void* /*argument*/) {
  delete static_cast<std::string*>(key);
}

/// Where an SSL has its key.
int key_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_key);
  return index;
}

/// A copy, because OpenSSL spoils the sessions of connections that end without a farewell (not_resumable), as those do
/// after which we want them most. TLS forbids that no more since version 1.1 (RFC 5246 §7.2.1).
SessionPointer copy_of(const SSL_SESSION* session) { return {SSL_SESSION_dup(session), &SSL_SESSION_free}; }

/// OpenSSL has a new session. Answers 0: the reference stays OpenSSL's.
int keep(SSL* tls, SSL_SESSION* session) {
  const auto* key = static_cast<const std::string*>(SSL_get_ex_data(tls, key_index()));
  if (key == nullptr || SSL_SESSION_is_resumable(session) == 0 || SSL_get_verify_result(tls) != X509_V_OK) return 0;
  SessionPointer copy = copy_of(session);
  if (!copy) return 0;
  auto older = kept.take_if([&](const Kept& each) { return each.key == *key; });
  kept.put(std::make_unique<Kept>(Kept{*key, std::move(copy)}));
  return 0;
}

/// What tells one state of a file or folder from another.
std::string state_of(const std::filesystem::path& path) {
  struct stat found {};
  if (path.empty() || stat(path.c_str(), &found) != 0) return "-";
  return path.string() + '@' + std::to_string(found.st_dev) + '.' + std::to_string(found.st_ino) + '.' +
         std::to_string(found.st_size) + '.' + std::to_string(found.st_mtim.tv_sec) + '.' +
         std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace

std::string key_of(const std::string& host, std::uint16_t port, const std::filesystem::path& ca_file) {
  const std::string store = ca_file.empty()
                                ? state_of(X509_get_default_cert_file()) + ' ' + state_of(X509_get_default_cert_dir())
                                : state_of(ca_file);
  return host + ':' + std::to_string(port) + ' ' + store;
}

void use(SSL* tls, std::string key) {
  if ((SSL_get_verify_mode(tls) & SSL_VERIFY_PEER) == 0) return;
  SSL_CTX* context = SSL_get_SSL_CTX(tls);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep);
  auto known = kept.take_if([&](const Kept& each) { return each.key == key; });
  auto owned = std::make_unique<std::string>(std::move(key));
  if (SSL_set_ex_data(tls, key_index(), owned.get()) == 1) static_cast<void>(owned.release());
  if (!known) return;
  const SessionPointer offered = copy_of(known->session.get());
  if (offered) SSL_set_session(tls, offered.get());  // refused, the handshake is a full one
  if (SSL_SESSION_get_protocol_version(known->session.get()) < TLS1_3_VERSION) kept.put(std::move(known));
}

void count(const SSL* tls) {
  if (SSL_session_reused(tls) == 1) ++resumed_count;
}

std::uint64_t resumed() { return resumed_count; }

}  // namespace iotc_ha::hub::tls_sessions
