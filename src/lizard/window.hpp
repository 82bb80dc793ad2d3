#pragma once

#include "answers.hpp"
#include "lizard.hpp"

#include <iotc_ha/core/error.hpp>

#include <memory>

namespace iotc_ha::lizard {

/// The window on the virtual Azure: a web page for a browser on this machine, on a loopback address. `GET /` and its
/// parts, `GET /events` (server-sent events, see WindowFeed), `POST /do` (a command as on the control socket; those
/// that a button has). Other web pages in the same browser are kept out: a request must name a loopback host, and one
/// that changes something must come from this page. Threads of its own.
class Window {
 public:
  Window(Lizard& lizard, Answers& answers);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  Window(Window&&) = delete;
  Window& operator=(Window&&) = delete;

  /// Listens, if there is to be a window. The error names the address and what to do about it.
  [[nodiscard]] core::Result<void> open();

 private:
  struct Running;
  Lizard& lizard_;
  Answers& answers_;
  std::unique_ptr<Running> running_;
};

}  // namespace iotc_ha::lizard
