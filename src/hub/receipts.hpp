#pragma once

#include <iotc_ha/hub/session.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace iotc_ha::hub {

/// Where Paho's thread waits until somebody has said that a message is on disk: one for each connection, shared by both
/// sides. There is at most one refusal in its life, because a refusal ends the connection; so a receipt that is given
/// or let go of later than that means nothing any more.
class Receipts : public std::enable_shared_from_this<Receipts> {
 public:
  explicit Receipts(std::chrono::milliseconds limit);
  ~Receipts();
  Receipts(const Receipts&) = delete;
  Receipts& operator=(const Receipts&) = delete;

  /// Gives `hand_out` a receipt and waits for it. False when it was let go of, when `limit` is over, or when close()
  /// was called; from then on nothing is handed out. Paho's thread, which has Paho's process-wide mutex meanwhile.
  [[nodiscard]] bool await(const std::function<void(std::shared_ptr<Receipt>)>& hand_out);
  /// The attempt is over: whoever waits goes on at once. Any thread.
  void close();

 private:
  class Slip;
  void stored(std::uint64_t number);

  const std::chrono::milliseconds limit_;
  const int bell_;  ///< an event descriptor, rung whenever one of these two changes
  std::atomic<std::uint64_t> last_stored_ = 0;
  std::atomic<bool> refused_ = false;
  std::uint64_t last_handed_out_ = 0;  ///< Paho's thread's
};

}  // namespace iotc_ha::hub
