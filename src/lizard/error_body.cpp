#include "error_body.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>

#include <random>
#include <string_view>

namespace iotc_ha::lizard {

std::string random_hex(std::size_t digits) {
  static constexpr std::string_view k_digits = "0123456789abcdef";
  std::random_device device;
  std::string text(digits, '0');
  for (char& c : text) c = k_digits[device() % 16];
  return text;
}

std::string random_uuid() {
  return random_hex(8) + "-" + random_hex(4) + "-4" + random_hex(3) + "-8" + random_hex(3) + "-" + random_hex(12);
}

std::string error_body(int code, const std::string& message, core::WallTime now) {
  using nlohmann::json;
  const json body{{"errorCode", code},
                  {"trackingId", random_uuid()},
                  {"message", message},
                  {"timestampUtc", azure::iso8601_utc(now)}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);  // the message may quote what a device has sent
}

}  // namespace iotc_ha::lizard
