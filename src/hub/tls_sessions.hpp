#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

/// TLS sessions of past connections, so that the next one to the same hub needs neither a certificate nor, with TLS
/// 1.2, a second round trip. A session stands for a certificate that was verified, so it is only offered where the same
/// trust store is asked, and only by connections that verify. The name of the host is its user's affair: Paho compares
/// it each time, with the certificate that the session carries; a tunnel has had it compared before a session was kept,
/// and therefore keeps its own apart. Any thread.
namespace iotc_ha::hub::tls_sessions {

/// Whose session it is. It changes with the trust store: another path, or another file in its place.
[[nodiscard]] std::string key_of(const std::string& host, std::uint16_t port, const std::filesystem::path& ca_file);

/// Before the handshake: offers what is kept for this key, and keeps what the other side gives for it, the newest of
/// each key and `k_kept_max` in all. A session of TLS 1.3 is offered once, as RFC 8446 §C.4 advises, so that nobody on
/// the way can tell that two connections are of the same device.
void use(SSL* tls, std::string key);

/// After the handshake: whether the session was resumed is counted, for the tests.
void count(const SSL* tls);
[[nodiscard]] std::uint64_t resumed();

inline constexpr std::size_t k_kept_max = 8;

}  // namespace iotc_ha::hub::tls_sessions
