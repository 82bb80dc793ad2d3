#include "certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace iotc_ha::hub_test {
namespace {

template <typename T>
T* require(T* made, const char* what) {
  if (made == nullptr) throw std::runtime_error(std::string("OpenSSL cannot make ") + what);
  return made;
}
void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key new_key() { return {require(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), "a key"), &EVP_PKEY_free}; }

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      require(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "an extension"), &X509_EXTENSION_free);
  require(X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

Certificate unsigned_certificate(EVP_PKEY* key, const std::string& name, long serial) {
  Certificate certificate(require(X509_new(), "a certificate"), &X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24L * 3600);
  X509_set_pubkey(certificate.get(), key);
  const std::basic_string<unsigned char> text(name.begin(), name.end());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, text.c_str(), -1, -1, 0);
  return certificate;
}

template <typename Write>
void write_pem(const std::filesystem::path& file, Write write) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(require(std::fopen(file.c_str(), "w"), "a file"),
                                                            &std::fclose);
  require(write(out.get()) == 1, "write a file");
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "iotc-ha-hub.XXXXXX").string();
  path_ = require(mkdtemp(name.data()), "a temporary folder");
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a folder that stays behind is no reason to fail a test
  std::filesystem::remove_all(path_, ignored);
}

struct Authority::Keys {
  Key key = new_key();
  Certificate certificate{nullptr, &X509_free};
  long last_serial = 1;
};

Authority::Authority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)), name_(name), keys_(std::make_unique<Keys>()) {
  keys_->certificate = unsigned_certificate(keys_->key.get(), name, 1);
  X509* certificate = keys_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate, certificate, NID_subject_key_identifier, "hash");
  require(X509_sign(certificate, keys_->key.get(), EVP_sha256()) > 0, "sign");
  write_pem(file(), [&](std::FILE* out) { return PEM_write_X509(out, certificate); });
}
Authority::~Authority() = default;

std::filesystem::path Authority::file() const { return folder_ / (name_ + ".pem"); }

KeyPair Authority::issue(const std::string& alternative_name) const {
  const long serial = ++keys_->last_serial;
  const Key key = new_key();
  // The common name is of no use to anybody who looks at alternative names, as everybody does today.
  const Certificate certificate = unsigned_certificate(key.get(), "a test hub", serial);
  X509* issuer = keys_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  extend(certificate.get(), issuer, NID_subject_alt_name, alternative_name);
  require(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) > 0, "sign");

  const std::string stem = name_ + '-' + std::to_string(serial);
  KeyPair files{folder_ / (stem + ".crt"), folder_ / (stem + ".key")};
  write_pem(files.certificate_file, [&](std::FILE* out) { return PEM_write_X509(out, certificate.get()); });
  write_pem(files.key_file, [&](std::FILE* out) {
    return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

}  // namespace iotc_ha::hub_test
