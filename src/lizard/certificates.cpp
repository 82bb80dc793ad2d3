#include "certificates.hpp"

#include "files.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace iotc_ha::lizard {
namespace {

// IoT hubs and DPS have RSA certificates (azure-protocol §7). What key signs them is seen by nobody, and one on an
// elliptic curve is made in a fraction of the time.
constexpr std::size_t k_server_key_bits = 2048;
constexpr const char* k_authority_curve = "P-256";
constexpr long k_day_s = 24L * 60 * 60;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

core::Error openssl_error(const std::string& what) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  return {core::Fault::StorageFailed, what + ": " + text};
}

core::Result<Key> checked(EVP_PKEY* made) {
  Key key(made);
  if (!key) return tl::unexpected(openssl_error("cannot make a key"));
  return key;
}

core::Result<void> write_key(EVP_PKEY* key, const std::string& file) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return tl::unexpected(openssl_error("cannot write the key " + file));
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return write_file(file, {bytes, static_cast<std::size_t>(size)}, 0600);
}

core::Result<void> write_certificate(X509* certificate, const std::string& file) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return tl::unexpected(openssl_error("cannot write the certificate " + file));
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return write_file(file, {bytes, static_cast<std::size_t>(size)}, 0644);
}

core::Result<Key> read_key(const std::string& file) {
  const Bio bio(BIO_new_file(file.c_str(), "r"));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) return tl::unexpected(openssl_error("cannot read the key " + file));
  return key;
}

core::Result<Certificate> read_certificate(const std::string& file) {
  const Bio bio(BIO_new_file(file.c_str(), "r"));
  Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return tl::unexpected(openssl_error("cannot read the certificate " + file));
  return certificate;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

/// A certificate with its names, times and key set, still without extensions and signature.
core::Result<Certificate> blank_certificate(const std::string& name, X509* issuer, EVP_PKEY* key, long days) {
  Certificate certificate(X509_new());
  unsigned char serial[16];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) return tl::unexpected(openssl_error("no certificate"));
  serial[0] = static_cast<unsigned char>(serial[0] & 0x7FU);
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -k_day_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * k_day_s);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer)) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return tl::unexpected(openssl_error("cannot fill the certificate of " + name));
  }
  return certificate;
}

}  // namespace

struct Authority::Keys {
  Key authority;
  Certificate certificate;
  Key server;
};

Authority::Authority(std::unique_ptr<Keys> keys) : keys_(std::move(keys)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;
Authority::~Authority() = default;

core::Result<Authority> Authority::open(const std::string& directory) {
  Authority authority(std::make_unique<Keys>());
  authority.certificate_file_ = directory + "/ca.pem";
  authority.server_key_file_ = directory + "/server.key";
  const std::string key_file = directory + "/ca.key";
  Keys& keys = *authority.keys_;
  if (exists(authority.certificate_file_) && exists(key_file) && exists(authority.server_key_file_)) {
    auto key = read_key(key_file);
    if (!key) return tl::unexpected(key.error());
    auto certificate = read_certificate(authority.certificate_file_);
    if (!certificate) return tl::unexpected(certificate.error());
    auto server = read_key(authority.server_key_file_);
    if (!server) return tl::unexpected(server.error());
    keys = {std::move(*key), std::move(*certificate), std::move(*server)};
    return authority;
  }
  auto key = checked(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", k_authority_curve));
  if (!key) return tl::unexpected(key.error());
  auto server = checked(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", k_server_key_bits));
  if (!server) return tl::unexpected(server.error());
  auto certificate = blank_certificate("iotc-ha-lizard root", nullptr, key->get(), 3650);
  if (!certificate) return tl::unexpected(certificate.error());
  X509* raw = certificate->get();
  if (!add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash") || X509_sign(raw, key->get(), EVP_sha256()) == 0) {
    return tl::unexpected(openssl_error("cannot make the authority's certificate"));
  }
  for (auto written : {write_key(key->get(), key_file), write_key(server->get(), authority.server_key_file_),
                       write_certificate(raw, authority.certificate_file_)}) {
    if (!written) return tl::unexpected(written.error());
  }
  keys = {std::move(*key), std::move(*certificate), std::move(*server)};
  return authority;
}

core::Result<void> Authority::issue(const std::string& address, const std::string& file) const {
  auto certificate = blank_certificate(address, keys_->certificate.get(), keys_->server.get(), 365);
  if (!certificate) return tl::unexpected(certificate.error());
  X509* raw = certificate->get();
  X509* issuer = keys_->certificate.get();
  if (!add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment") ||
      !add_extension(raw, issuer, NID_ext_key_usage, "serverAuth") ||
      !add_extension(raw, issuer, NID_subject_key_identifier, "hash") ||
      !add_extension(raw, issuer, NID_authority_key_identifier, "keyid") ||
      !add_extension(raw, issuer, NID_subject_alt_name, ("IP:" + address).c_str()) ||
      X509_sign(raw, keys_->authority.get(), EVP_sha256()) == 0) {
    return tl::unexpected(openssl_error("cannot make the certificate of " + address));
  }
  return write_certificate(raw, file);
}

}  // namespace iotc_ha::lizard
