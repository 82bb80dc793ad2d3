// What comes over HTTPS, and direct methods, which wait for a device.

#include "lizard.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace iotc_ha::lizard {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds k_look_again{200};  ///< how soon it is noticed that a caller has gone

}  // namespace

HttpAnswer Lizard::answer(std::size_t hub, const HttpRequest& request) {
  if (!is_dps(hub)) {
    return {.status = 404, .body = R"({"Message":"This hub has MQTT over WebSocket only."})", .headers = {}};
  }
  if (!CentralApi::owns(request.path)) {
    return with_cloud([&](Cloud&, DpsService& dps, core::WallTime now) {
      return CentralService::owns(request.path) ? central_.answer(request, now) : dps.answer(request, now);
    });
  }
  auto said = with_cloud([&](auto&, auto&, core::WallTime now) { return central_api_.answer(request, now); });
  const auto* order = std::get_if<CommandOrder>(&said);
  if (order == nullptr) return std::get<HttpAnswer>(std::move(said));
  const auto outcome = call_device({.device = order->device,
                                    .method = order->method,
                                    .payload = order->request,
                                    .connection_limit = order->connection_timeout,
                                    .answer_limit = order->response_timeout},
                                   request.caller_is_gone);
  return with_cloud([&](auto&, auto&, core::WallTime now) { return central_api_.completed(*order, outcome, now); });
}

core::Result<CommandAnswer> Lizard::call_device(const MethodCall& call, const std::function<bool()>& caller_is_gone) {
  std::uint64_t seen = 0;
  /// False when the time is over or the caller has gone.
  const auto wait = [&](steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left <= milliseconds(0) || caller_is_gone()) return false;
    wait_for_change(seen, std::min(left, k_look_again));
    return true;
  };
  const auto try_to_call = [&] {
    return with_cloud([&](Cloud& cloud, auto&, core::WallTime now) {
      return cloud.call(call.device, call.method, call.payload, now);
    });
  };
  const auto is_reachable = [&](const Cloud& cloud, auto&, auto) {
    const auto found = cloud.devices().find(call.device);
    return found != cloud.devices().end() && found->second.session && found->second.session->methods;
  };
  const auto connected_by = steady_clock::now() + call.connection_limit;
  auto request = try_to_call();
  while (!request && request.error().fault == core::Fault::Unreachable && wait(connected_by)) {
    if (look(is_reachable)) request = try_to_call();
  }
  if (!request) return tl::unexpected(request.error());

  const auto answered_by = steady_clock::now() + call.answer_limit;
  std::optional<core::Result<CommandAnswer>> answer;
  do {
    answer = look([&](const Cloud& cloud, auto&, auto) { return cloud.answer_to(*request); });
  } while (!answer && wait(answered_by));
  with_cloud([&](Cloud& cloud, auto&, auto) { cloud.forget(*request); });
  if (answer) return *answer;
  if (caller_is_gone()) return core::fail(core::Fault::Cancelled, "nobody waits for the answer any more");
  return core::fail(core::Fault::TimedOut, "no answer within " + std::to_string(call.answer_limit.count()) + " ms");
}

}  // namespace iotc_ha::lizard
