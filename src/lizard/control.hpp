#pragma once

#include "files.hpp"

#include <iotc_ha/core/error.hpp>

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

/// How the commands reach the running lizard: a Unix socket `control` in the state directory. A request is one line of
/// JSON; the answer is lines of JSON, until the lizard closes the connection.
namespace iotc_ha::lizard {

[[nodiscard]] std::string control_path(const std::string& state_dir);

/// Where an answer goes.
class Reply {
 public:
  virtual ~Reply() = default;
  /// Sends a line. False when the asker has gone.
  virtual bool line(std::string_view text) = 0;
  [[nodiscard]] virtual bool asker_is_gone() const = 0;
};

class ControlServer {
 public:
  using Answer = std::function<void(const std::string& request, Reply& reply)>;
  explicit ControlServer(Answer answer) : answer_(std::move(answer)) {}
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ControlServer(ControlServer&&) = delete;
  ControlServer& operator=(ControlServer&&) = delete;

  /// Listens; each request is answered on a thread of its own. Errors name the path.
  [[nodiscard]] core::Result<void> open(const std::string& path);

 private:
  struct Conversation {
    Descriptor socket;
    std::thread thread;
    bool over = false;
  };
  void run();
  void converse(Conversation& conversation);

  Answer answer_;
  std::string path_;
  Descriptor listener_;
  Descriptor wake_;
  std::mutex mutex_;  // over the conversations
  std::list<Conversation> conversations_;
  std::thread thread_;
};

/// Sends a request and hands each line of the answer to `line` until the lizard has said all, or `line` returns false.
/// Error Unreachable says so when no lizard runs with this state directory.
[[nodiscard]] core::Result<void> ask(const std::string& state_dir, const std::string& request,
                                     const std::function<bool(const std::string&)>& line);

}  // namespace iotc_ha::lizard
