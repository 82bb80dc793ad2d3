#pragma once

#include "curl.hpp"
#include "https.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace iotc_ha::provisioning {

/// How long we wait at most before we ask again whether we are still wanted; the bell comes before it.
constexpr std::chrono::milliseconds k_look_again{500};

/// What libcurl tells us during a transfer, and what it needs to be told.
struct Transfer {
  CURL* easy = nullptr;
  std::string body;
  bool too_large = false;
  bool on_kept_connection = false;
  std::size_t times_sent = 0;
  Https::Clock::time_point sent = Https::Clock::time_point::max();
  Headers headers;
  // Of a request that waits for its release
  const Https::Released* released = nullptr;
  const Https::Wanted* wanted = nullptr;
  Bell* bell = nullptr;
  Https::Clock::time_point begun = Https::Clock::now();
};

/// Has libcurl call back with `transfer`, which must outlive what `transfer.easy` does.
void listen(Transfer& transfer);

[[nodiscard]] bool is_silent_on_kept_connection(const Transfer& transfer);
/// What it waited for has come, and yet the connection has not: libcurl knows no limit before it is there.
[[nodiscard]] bool is_too_late_to_be_sent(const Transfer& transfer);
/// The server has closed a connection on which we had said nothing for a while, and has not read what we said then.
[[nodiscard]] bool is_dead_after_waiting(CURLcode code, const Transfer& transfer);

/// What has come of a transfer that has ended. `detail` is libcurl's own text, "" when it gave none.
[[nodiscard]] core::Result<Reply> outcome(CURLcode code, Transfer&& transfer, const Destination& destination,
                                          std::string_view detail);

}  // namespace iotc_ha::provisioning
