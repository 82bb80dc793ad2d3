#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/courier/program.hpp>
#include <iotc_ha/courier/socket.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>

namespace iotc_ha::courier {

/// One run of the program that asks DPS. Loop thread.
class Process {
 public:
  /// Neither call may destroy the process that makes it.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_message(Process& from, const std::string& message) = 0;
    /// It is no more; last call. `how` completes "the process …", e.g. "was ended by signal 9".
    virtual void on_end(Process& process, const std::string& how) = 0;
  };

  /// Busy when the machine does not let us. Takes as long as the kernel needs to read the program's first pages: the
  /// libraries are loaded by the process itself.
  [[nodiscard]] static core::Result<std::unique_ptr<Process>> start(runtime::Loop& loop, const Program& program,
                                                                    Listener& listener);
  ~Process();  ///< kills it, if it is still there
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// False when it does not take it: it is gone, or has not read for long.
  [[nodiscard]] bool send(const std::string& message) const { return socket_.send(message); }
  /// Hangs up, at which it ends by itself, or is killed after `k_farewell`. Nothing but on_end() follows.
  void dismiss();
  void kill();  ///< as dismiss(), at once

  static constexpr std::chrono::seconds k_farewell{5};

 private:
  struct Mail final : runtime::Loop::Pollable {
    explicit Mail(Process& process) : process_(process) {}
    Wanted wanted() override;
    void ready() override { process_.take_mail(); }
    Process& process_;
  };

  Process(runtime::Loop& loop, Socket socket, pid_t pid, Listener& listener);
  void take_mail();
  void look_whether_it_has_ended();

  runtime::Loop& loop_;
  Listener& listener_;
  const Socket socket_;
  pid_t pid_;  ///< no other process has it until we have taken note of this one's end; 0 from then on
  bool dismissed_ = false;
  core::Instant killed_from_{};             ///< once dismissed
  std::chrono::milliseconds next_look_{1};  ///< doubles: it mostly ends at once, and may hang in the kernel for long
  Mail mail_{*this};
  std::unique_ptr<runtime::Loop::Timer> look_;
  std::unique_ptr<runtime::Loop::Attachment> mail_watch_;
};

}  // namespace iotc_ha::courier
