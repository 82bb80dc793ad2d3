#pragma once

#include "files.hpp"
#include "link.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace iotc_ha::lizard {

/// Our end of the link to a hub's plugin, with a thread that reads it. It never waits for the plugin: mosquitto waits
/// for us at times, so that waiting for each other would be for ever.
class HubLink {
 public:
  using Receive = std::function<void(const Frame&)>;
  /// `receive` is called on the link's thread.
  HubLink(Descriptor socket, Receive receive);
  ~HubLink();
  HubLink(const HubLink&) = delete;
  HubLink& operator=(const HubLink&) = delete;
  HubLink(HubLink&&) = delete;
  HubLink& operator=(HubLink&&) = delete;

  /// Any thread. False when the frame was thrown away, because the hub is dead or takes nothing any more.
  bool send(const Frame& frame);
  /// Waits until all that the plugin has sent was received and the link is closed by its end, or for this long.
  void wait_until_closed(std::chrono::milliseconds limit);

 private:
  void run();
  void read_frames();
  bool flush_locked();

  Descriptor socket_;
  Descriptor wake_;
  Receive receive_;
  FrameReader reader_;
  std::mutex mutex_;
  std::string outgoing_;
  bool closed_ = false;  ///< nothing can be sent any more
  bool over_ = false;    ///< all has been received
  std::condition_variable closed_changed_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace iotc_ha::lizard
