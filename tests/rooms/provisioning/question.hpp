#pragma once

#include "certificates.hpp"

#include <iotc_ha/core/registration.hpp>

#include <chrono>
#include <cstdint>

namespace iotc_ha::provisioning {

/// Who has issued the certificates of the servers, and is trusted.
inline const Authority& authority() {
  static const Authority k_authority("iotc-ha test CA");
  return k_authority;
}

/// A question to a server of this machine.
inline core::Registration registration(std::uint16_t port,
                                       std::chrono::milliseconds timeout = std::chrono::seconds{30}) {
  core::Registration all;
  all.host = "127.0.0.1";
  all.port = port;
  all.id_scope = "0ne00ABCDEF";
  all.registration_id = "dev-1";
  all.model_id = "dtmi:Sample:Failover;1";
  all.token = core::Secret("SharedAccessSignature sr=x&sig=SECRET&se=1");
  all.timeout = timeout;
  all.ca_file = authority().file().string();
  return all;
}

}  // namespace iotc_ha::provisioning
