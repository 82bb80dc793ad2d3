#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/runtime/descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace iotc_ha::courier {

/// One end of what joins the daemon and the process that asks DPS. A message is a packet (SOCK_SEQPACKET) and comes
/// whole or not at all.
class Socket {
 public:
  struct Pair;

  explicit Socket(int fd) : end_(fd) {}  ///< takes it over

  /// Busy when the process or the machine has no room for more.
  [[nodiscard]] static core::Result<Pair> make_pair();

  [[nodiscard]] int fd() const { return end_.get(); }
  /// False when the other side is gone, or takes nothing any more. Never waits.
  [[nodiscard]] bool send(const std::string& message) const;
  void finish() const;  ///< the other side hears Over; from here on nothing can be sent

  struct Received {
    enum class What : std::uint8_t { Message, NothingNow, TooLarge, Over } what = What::Over;
    std::string message{};
  };
  [[nodiscard]] Received receive() const;  ///< never waits

  static constexpr std::size_t k_message_bytes_max = 64U << 10U;

 private:
  runtime::Descriptor end_;
};

struct Socket::Pair {
  Socket ours;
  Socket theirs;
};

}  // namespace iotc_ha::courier
