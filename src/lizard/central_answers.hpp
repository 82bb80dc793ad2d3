#pragma once

#include "http.hpp"
#include "settings.hpp"

#include <iotc_ha/core/time.hpp>

#include <string>
#include <string_view>

/// What all calls of IoT Central have in common.
namespace iotc_ha::lizard {

/// `{"error":{"code","message","requestId","time"}}`, the code in the header x-ms-error-code too.
[[nodiscard]] HttpAnswer central_error(int status, std::string_view code, std::string_view message, core::WallTime now);
/// True for the API token of this application.
[[nodiscard]] bool is_authorized(const HttpRequest& request, const Settings& settings);
/// `Tue, 18 May 2021 11:03:45 GMT`
[[nodiscard]] std::string rfc1123(core::WallTime when);

}  // namespace iotc_ha::lizard
