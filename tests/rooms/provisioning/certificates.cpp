#include "certificates.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace iotc_ha::provisioning {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  require(extension != nullptr, "certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Identity unsigned_identity(const std::string& name, long serial) {
  Identity identity;
  identity.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  require(identity.key != nullptr, "key");
  identity.certificate.reset(X509_new());
  X509* const certificate = identity.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, identity.key.get());
  const std::basic_string<unsigned char> common_name(name.begin(), name.end());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, common_name.c_str(), -1, -1, 0);
  return identity;
}

}  // namespace

Authority::Authority(const std::string& name) : own_(unsigned_identity(name, 1)) {
  X509* const certificate = own_.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate, own_.key.get(), EVP_sha256()) != 0, "signature");

  std::string path = (std::filesystem::temp_directory_path() / "iotc-ha-ca-XXXXXX").string();
  const int fd = mkstemp(path.data());
  require(fd >= 0, "mkstemp");
  file_ = path;
  std::FILE* file = fdopen(fd, "w");
  require(file != nullptr && PEM_write_X509(file, certificate) != 0 && std::fclose(file) == 0, "CA file");
}

Authority::~Authority() {
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

Identity Authority::issue(const std::string& names) const {
  static long serial = 1;
  Identity identity = unsigned_identity("server", ++serial);
  X509* const certificate = identity.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(own_.certificate.get()));
  add_extension(certificate, own_.certificate.get(), NID_subject_alt_name, names);
  require(X509_sign(certificate, own_.key.get(), EVP_sha256()) != 0, "signature");
  return identity;
}

}  // namespace iotc_ha::provisioning
