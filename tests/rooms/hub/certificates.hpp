#pragma once

#include <filesystem>
#include <memory>
#include <string>

/// Certificates for a test, made by it and gone with it.
namespace iotc_ha::hub_test {

/// A folder under the system's temporary folder, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct KeyPair {
  std::filesystem::path certificate_file;
  std::filesystem::path key_file;
};

/// A certificate authority of its own.
class Authority {
 public:
  Authority(std::filesystem::path folder, const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] std::filesystem::path file() const;
  /// `alternative_name` as OpenSSL writes it, e.g. "IP:127.88.0.1" or "DNS:hub.example".
  [[nodiscard]] KeyPair issue(const std::string& alternative_name) const;

 private:
  struct Keys;
  std::filesystem::path folder_;
  std::string name_;
  std::unique_ptr<Keys> keys_;
};

}  // namespace iotc_ha::hub_test
