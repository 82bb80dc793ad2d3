#include "identity.hpp"

#include "files.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <string>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

constexpr std::size_t k_group_key_bytes = 64;
constexpr std::chrono::seconds k_year{365L * 24 * 60 * 60};

core::Result<std::string> random_base64(std::size_t size) {
  std::array<unsigned char, 64> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(size)) != 1) {
    return core::fail(core::Fault::StorageFailed, "the system gives no random numbers");
  }
  std::array<unsigned char, 96> text{};
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(size));
  return std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length));
}

/// Looks like an IoT Central API token; nobody but this lizard can check it.
core::Result<std::string> new_central_token() {
  const auto key = random_base64(32);
  if (!key) return tl::unexpected(key.error());
  const auto expiry = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + k_year;
  const std::string resource = "00000000-0000-4000-8000-000000000000";
  const auto signature = azure::sign(core::Secret(*key), resource, expiry);
  if (!signature) return tl::unexpected(signature.error());
  return "SharedAccessSignature sr=" + resource + "&sig=" + azure::percent_encode(*signature) +
         "&skn=lizard&se=" + std::to_string(expiry.time_since_epoch().count() * 1000);
}

}  // namespace

core::Result<void> keep_identity(Settings& settings) {
  const std::string file = settings.state_dir + "/identity.json";
  json kept = json::object();
  if (exists(file)) {
    const auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    kept = json::parse(*text, nullptr, false);
    if (!kept.is_object() || !kept["group_key"].is_string() || !kept["central_token"].is_string()) {
      return core::fail(core::Fault::BadConfiguration, file + " is damaged; delete it to have a new one made");
    }
  } else {
    const auto group_key = random_base64(k_group_key_bytes);
    if (!group_key) return tl::unexpected(group_key.error());
    const auto token = new_central_token();
    if (!token) return tl::unexpected(token.error());
    kept = {{"group_key", *group_key}, {"central_token", *token}};
    if (auto written = write_file(file, kept.dump(2) + "\n", 0600); !written) return written;
  }
  if (settings.group_key.empty()) settings.group_key = core::Secret(kept["group_key"].get<std::string>());
  if (settings.central_token.empty()) settings.central_token = core::Secret(kept["central_token"].get<std::string>());
  return {};
}

}  // namespace iotc_ha::lizard
