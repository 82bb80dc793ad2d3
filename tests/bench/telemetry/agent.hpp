#pragma once

#include "bus.hpp"
#include "daemon.hpp"
#include "figures.hpp"
#include "ground.hpp"
#include "lizard.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

/// iotc-had on a private bus, with the lizard as its cloud.
namespace iotc_ha::bench {

/// The body of message `number`.
[[nodiscard]] std::string text_of(std::uint64_t number);

/// How messages are handed in.
struct Stream {
  unsigned callers = 1;             ///< each a thread with a connection of its own
  std::size_t at_once = 1;          ///< messages in a call: 1 is Submit, more is SubmitMany
  std::size_t under_way = 1;        ///< calls of each caller without their answers
  Seconds time{5};                  ///< until no more calls are made
  std::uint64_t most = UINT64_MAX;  ///< messages of all callers; whatever comes first
};
struct StreamFigures {
  std::uint64_t messages = 0;
  Seconds accepted_time{};   ///< from the first call to the last answer: all of it is on disk
  Seconds delivered_time{};  ///< until a hub had acknowledged all, and none was on disk any more
  Durations calls;
  std::uint64_t bytes_written = 0;  ///< to the files of the spool, as the daemon counts
  std::uint64_t bytes_to_disk = 0;  ///< by the daemon, as the kernel counts

  void add(const StreamFigures& others);
  [[nodiscard]] double per_message(std::uint64_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(messages);
  }
};

class Agent {
 public:
  explicit Agent(const std::filesystem::path& folder);

  /// The daemon begins with an empty spool. With a hub: returns when a session with it is open.
  void begin_anew(bool with_hub);
  void stop();
  /// SIGKILL, and a new start on what is on disk. Returns how long the first Submit took, from the start on.
  [[nodiscard]] Seconds kill_and_start();
  void let_the_hub_in() const { lizard_.revive("dps"); }

  [[nodiscard]] StreamFigures hand_in(const Stream& stream, bool wait_for_delivery);
  [[nodiscard]] std::uint64_t figure(const std::string& name) const;  ///< a property of Telemetry1
  [[nodiscard]] const integration::Daemon& daemon() const { return daemon_; }
  [[nodiscard]] const std::string& network() const { return network_.address(); }

 private:
  void await_service() const;

  integration::Network network_;
  integration::Bus bus_;
  integration::Lizard lizard_;
  integration::Daemon daemon_;
};

}  // namespace iotc_ha::bench
