#include "central_answers.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <random>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

std::string request_id() {
  std::random_device device;
  std::string text(16, '0');
  for (char& c : text) c = "0123456789abcdef"[device() % 16];
  return text;
}

/// httplib hands out header values percent-decoded.
std::string as_httplib_gives_it(const std::string& value) { return azure::percent_decode(value).value_or(value); }

}  // namespace

HttpAnswer central_error(int status, std::string_view code, std::string_view message, core::WallTime now) {
  const json body{
      {"error", {{"code", code}, {"message", message}, {"requestId", request_id()}, {"time", rfc1123(now)}}}};
  return {.status = status,
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace),
          .headers = {{"x-ms-error-code", std::string(code)}}};
}

bool is_authorized(const HttpRequest& request, const Settings& settings) {
  return as_httplib_gives_it(request.authorization) == as_httplib_gives_it(settings.central_token.reveal());
}

std::string rfc1123(core::WallTime when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), size};
}

}  // namespace iotc_ha::lizard
