#pragma once

#include "running_lizard.hpp"

#include <iotc_ha/core/secret.hpp>

#include <memory>
#include <string>

namespace httplib {
class SSLClient;
}

namespace iotc_ha::lizard::test {

[[nodiscard]] core::Secret key_of(const RunningLizard& lizard, const std::string& device);

struct Answer {
  int status = 0;  ///< 0: no answer
  json body;
  std::string retry_after;
};

/// Talks to DPS and IoT Central as any HTTPS client does, one connection.
class Provisioning {
 public:
  Provisioning(const RunningLizard& lizard, std::string device);
  ~Provisioning();

  [[nodiscard]] const std::string& token() const { return token_; }
  void use_token(std::string token) { token_ = std::move(token); }
  void use_key(const core::Secret& key);
  void use_scope(std::string scope) { scope_ = std::move(scope); }

  Answer put();
  Answer poll(const std::string& operation, const std::string& body = "");
  Answer look_up();
  /// Any call of IoT Central. Waits as long as a command may take.
  Answer call(const std::string& method, const std::string& path, const std::string& body, const std::string& token);
  Answer post(const std::string& path, const std::string& body, const std::string& token);

  /// Registers to the end. Returns the address of the hub, "" when there is none.
  std::string register_device();

 private:
  Answer read(const void* result) const;

  std::unique_ptr<httplib::SSLClient> client_;
  std::string device_;
  std::string scope_;
  std::string token_;
};

}  // namespace iotc_ha::lizard::test
