#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/text.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace iotc_ha::azure {
namespace {

using core::Fault;

constexpr std::string_view k_scheme = "SharedAccessSignature ";
// 9999-12-31T23:59:59Z. Later ones say nothing that this does not, and would overflow finer units than seconds.
constexpr std::int64_t k_last_expiry = 253'402'300'799;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* writable_bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string encode_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  const int length = EVP_EncodeBlock(writable_bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

/// The bytes of a key, which are as secret as its text.
core::Result<core::Secret> decode_key(const core::Secret& key_base64) {
  const std::string_view text = key_base64.reveal();
  // EVP_DecodeBlock alone would skip blanks around the text and take an '=' in the middle of it for a digit.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::string_view digits = text.substr(0, text.size() - padding);
  const bool well_formed = text.size() % 4 == 0 && std::all_of(digits.begin(), digits.end(), [](char c) {
                             return is_letter(c) || is_digit(c) || c == '+' || c == '/';
                           });
  if (text.empty() || !well_formed) return core::fail(Fault::BadCredential, "the symmetric key is not base64");

  const std::size_t size = text.size() / 4 * 3 - padding;
  if (size < 16 || size > 64) {
    return core::fail(Fault::BadCredential,
                      "the symmetric key has " + std::to_string(size) + " bytes; Azure's keys have 16 to 64");
  }
  std::string key(size + padding, '\0');
  if (EVP_DecodeBlock(writable_bytes_of(key), bytes_of(text), static_cast<int>(text.size())) < 0) {
    return core::fail(Fault::BadCredential, "the symmetric key is not base64");
  }
  key.resize(size);
  return core::Secret(std::move(key));
}

/// base64(HMAC-SHA256(base64decode(key), message))
core::Result<std::string> authenticate(const core::Secret& key_base64, std::string_view message) {
  const core::Result<core::Secret> key = decode_key(key_base64);
  if (!key) return tl::unexpected(key.error());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key->reveal().data(), static_cast<int>(key->reveal().size()), bytes_of(message),
           message.size(), digest.data(), &length) == nullptr) {
    return core::fail(Fault::BadCredential, "OpenSSL could not compute HMAC-SHA256 with the symmetric key");
  }
  return encode_base64({reinterpret_cast<const char*>(digest.data()), length});
}

core::Result<core::Secret> token(const core::Secret& key_base64, std::string_view resource,
                                 std::chrono::sys_seconds expiry, std::string_view tail) {
  const std::string encoded_resource = percent_encode(resource);
  const core::Result<std::string> signature = sign(key_base64, encoded_resource, expiry);
  if (!signature) return tl::unexpected(signature.error());
  return core::Secret(std::string(k_scheme) + "sr=" + encoded_resource + "&sig=" + percent_encode(*signature) +
                      "&se=" + std::to_string(expiry.time_since_epoch().count()) + std::string(tail));
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view k_digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += k_digits[byte >> 4U];
      encoded += k_digits[byte & 0xFU];
    }
  }
  return encoded;
}

core::Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
    if (!low) return core::fail(Fault::InvalidPayload, "broken escape in '" + one_line(text) + "'");
    decoded += static_cast<char>(*high << 4U | *low);
    i += 2;
  }
  return decoded;
}

core::Result<core::Secret> derive_device_key(const core::Secret& group_key_base64, std::string_view registration_id) {
  return authenticate(group_key_base64, registration_id).map([](std::string&& key) {
    return core::Secret(std::move(key));
  });
}

core::Result<core::Secret> hub_token(const core::Secret& device_key_base64, std::string_view hub,
                                     std::string_view device_id, std::chrono::sys_seconds expiry) {
  return token(device_key_base64, std::string(hub) + "/devices/" + std::string(device_id), expiry, "");
}

core::Result<core::Secret> dps_token(const core::Secret& device_key_base64, std::string_view id_scope,
                                     std::string_view registration_id, std::chrono::sys_seconds expiry) {
  return token(device_key_base64, std::string(id_scope) + "/registrations/" + std::string(registration_id), expiry,
               "&skn=registration");
}

core::Result<std::string> sign(const core::Secret& key_base64, std::string_view encoded_resource,
                               std::chrono::sys_seconds expiry) {
  return authenticate(key_base64,
                      std::string(encoded_resource) + '\n' + std::to_string(expiry.time_since_epoch().count()));
}

core::Result<TokenFields> parse_token(std::string_view token) {
  const auto refuse = [](std::string_view why) {
    return core::fail(Fault::InvalidPayload, "shared access signature: " + std::string(why));
  };
  if (!token.starts_with(k_scheme)) return refuse("it does not begin with 'SharedAccessSignature '");
  token.remove_prefix(k_scheme.size());

  std::optional<std::string> resource;
  std::optional<std::string> signature;
  std::optional<std::string> expiry_text;
  std::optional<std::string> key_name;
  while (!token.empty()) {
    const std::string_view field = token.substr(0, token.find('&'));
    token.remove_prefix(std::min(token.size(), field.size() + 1));
    const std::size_t equals = field.find('=');
    const std::string_view name = field.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : field.substr(equals + 1);
    std::optional<std::string>* const known = name == "sr"    ? &resource
                                              : name == "sig" ? &signature
                                              : name == "se"  ? &expiry_text
                                              : name == "skn" ? &key_name
                                                              : nullptr;
    if (known == nullptr) continue;
    if (*known) return refuse("'" + std::string(name) + "' stands twice");
    *known = value;
  }
  if (!resource || resource->empty()) return refuse("'sr' is missing");
  if (!signature || signature->empty()) return refuse("'sig' is missing");
  if (!expiry_text || expiry_text->empty()) return refuse("'se' is missing");

  core::Result<std::string> decoded_signature = percent_decode(*signature);
  if (!decoded_signature) return refuse("'sig' has a broken escape");
  core::Result<std::string> decoded_key_name = percent_decode(key_name.value_or(""));
  if (!decoded_key_name) return refuse("'skn' has a broken escape");
  const std::optional<std::int64_t> expiry = read_number<std::int64_t>(*expiry_text);
  // Written in one way only, so that the number can be signed again as the text that it was.
  if (!expiry || *expiry < 0 || *expiry > k_last_expiry || std::to_string(*expiry) != *expiry_text) {
    return refuse("'se' is no time in seconds since 1970 before the year 10000");
  }
  return TokenFields{std::move(*resource), std::move(*decoded_signature),
                     std::chrono::sys_seconds(std::chrono::seconds(*expiry)), std::move(*decoded_key_name)};
}

bool signature_is_valid(const TokenFields& token, const core::Secret& key_base64) {
  const core::Result<std::string> expected = sign(key_base64, token.encoded_resource, token.expiry);
  return expected && expected->size() == token.signature.size() &&
         CRYPTO_memcmp(expected->data(), token.signature.data(), expected->size()) == 0;
}

}  // namespace iotc_ha::azure
