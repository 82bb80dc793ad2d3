#pragma once

#include "frames.hpp"
#include "tls_stream.hpp"
#include "tunnel.hpp"

#include <iotc_ha/runtime/descriptor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace iotc_ha::hub {

/// What the tunnel's thread shares with its owner.
struct Tunnel::Shared {
  const Way way;
  const runtime::Descriptor near;  ///< our end of the pair
  const runtime::Descriptor bell;  ///< rung with `ending`
  std::atomic<bool> ending = false;
  std::optional<End> end;  ///< written before `ended`, read after it
  std::atomic<bool> ended = false;

  Shared(Way its_way, int its_end);
};

/// The thread's side: one passage through the tunnel, from the TCP connect to the end.
class Tunnel::Passage {
 public:
  explicit Passage(Shared& shared) : shared_(shared), way_(shared.way) {}
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  using Step = std::optional<core::Error>;  ///< what made it the last one

  // ---- opening
  [[nodiscard]] Step open();
  [[nodiscard]] Step connect_tcp();
  [[nodiscard]] Step pass_proxy();
  [[nodiscard]] Step start_tls();
  [[nodiscard]] Step upgrade();
  [[nodiscard]] Step wait(short events, const std::string& for_what);
  [[nodiscard]] Step write_all(std::string text, const std::string& to);
  [[nodiscard]] std::string whom() const;

  // ---- passing on: each answers whether it has moved anything
  void pump();
  bool from_near();
  bool to_near();
  bool from_peer();
  bool to_peer();
  void take_in(const std::string& bytes);
  void answer_ping();
  void wait_for_either();
  void leave();
  void peer_ended(std::string why);
  [[nodiscard]] bool has_room(const std::string& queue) const { return queue.size() < k_waiting_max; }

  Shared& shared_;
  const Way& way_;
  Clock::time_point deadline_{};
  std::optional<runtime::Descriptor> peer_;
  std::unique_ptr<TlsStream> tls_;
  websocket::Reader reader_;
  std::string to_peer_;  ///< as it goes over TLS
  std::string to_near_;
  bool near_over_ = false;
  std::optional<std::string> peer_over_;  ///< why
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
};

}  // namespace iotc_ha::hub
