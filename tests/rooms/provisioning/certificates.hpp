#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

namespace iotc_ha::provisioning {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

struct Identity {
  std::unique_ptr<EVP_PKEY, FreeKey> key;
  std::unique_ptr<X509, FreeCertificate> certificate;
};

/// A certificate authority of its own, whose certificate lies in a file that goes with it.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// `names` as OpenSSL writes them: "IP:127.0.0.1,DNS:localhost".
  [[nodiscard]] Identity issue(const std::string& names) const;

 private:
  Identity own_;
  std::filesystem::path file_;
};

}  // namespace iotc_ha::provisioning
