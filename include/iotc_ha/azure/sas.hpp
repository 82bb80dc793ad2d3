#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/secret.hpp>

#include <chrono>
#include <string>
#include <string_view>

/// Symmetric keys and shared access signatures (azure-protocol: "Symmetric keys and SAS tokens"). Pure; OpenSSL inside.
namespace iotc_ha::azure {

/// RFC 3986: everything but `A-Z a-z 0-9 - . _ ~` becomes %XX, upper case. Never form encoding (a space is %20).
[[nodiscard]] std::string percent_encode(std::string_view text);
/// The opposite. A '+' stays a '+'. Error InvalidPayload on a broken escape.
[[nodiscard]] core::Result<std::string> percent_decode(std::string_view text);

/// The key of one device of a group: base64(HMAC-SHA256(base64decode(group_key), registration_id)).
/// The id is used byte for byte as it will be sent. Error BadCredential when the key is not base64 or shorter than
/// 16 or longer than 64 bytes.
[[nodiscard]] core::Result<core::Secret> derive_device_key(const core::Secret& group_key_base64,
                                                           std::string_view registration_id);

/// The CONNECT password for a hub: resource `{hub}/devices/{device_id}`. Error BadCredential as above.
[[nodiscard]] core::Result<core::Secret> hub_token(const core::Secret& device_key_base64, std::string_view hub,
                                                   std::string_view device_id, std::chrono::sys_seconds expiry);

/// The Authorization header for DPS: resource `{id_scope}/registrations/{registration_id}`, `skn=registration`.
[[nodiscard]] core::Result<core::Secret> dps_token(const core::Secret& device_key_base64, std::string_view id_scope,
                                                   std::string_view registration_id, std::chrono::sys_seconds expiry);

/// Signs any resource, given already percent-encoded, exactly as it will stand in `sr`. Returns base64.
[[nodiscard]] core::Result<std::string> sign(const core::Secret& key_base64, std::string_view encoded_resource,
                                             std::chrono::sys_seconds expiry);

/// The service's side: what a token says.
struct TokenFields {
  std::string encoded_resource;  ///< `sr`, as it was written
  std::string signature;         ///< `sig`, decoded to base64
  std::chrono::sys_seconds expiry{};
  std::string key_name;  ///< `skn`, "" when absent
};
/// Reads a token; the order of the fields is free. Error InvalidPayload names the field that is missing or broken.
[[nodiscard]] core::Result<TokenFields> parse_token(std::string_view token);
/// True when the signature is that of `key` over the literal `sr` and `se`. Does not look at time or resource.
[[nodiscard]] bool signature_is_valid(const TokenFields& token, const core::Secret& key_base64);

}  // namespace iotc_ha::azure
