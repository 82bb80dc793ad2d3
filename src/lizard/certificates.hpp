#pragma once

#include <iotc_ha/core/error.hpp>

#include <memory>
#include <string>

namespace iotc_ha::lizard {

/// The lizard's own certificate authority. It is made once and kept in the state directory (`ca.pem`, `ca.key`), so
/// that a configuration which names ca.pem stays good; server certificates are issued anew at each start.
class Authority {
 public:
  /// Reads the authority in `directory`, or makes one there. Errors name the file.
  [[nodiscard]] static core::Result<Authority> open(const std::string& directory);
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;
  ~Authority();

  [[nodiscard]] const std::string& certificate_file() const noexcept { return certificate_file_; }
  /// The key of all servers (PEM).
  [[nodiscard]] const std::string& server_key_file() const noexcept { return server_key_file_; }
  /// Writes a server certificate whose subjectAltName is this IP address, valid from yesterday for a year.
  [[nodiscard]] core::Result<void> issue(const std::string& address, const std::string& file) const;

 private:
  struct Keys;
  explicit Authority(std::unique_ptr<Keys> keys);
  std::unique_ptr<Keys> keys_;
  std::string certificate_file_;
  std::string server_key_file_;
};

}  // namespace iotc_ha::lizard
