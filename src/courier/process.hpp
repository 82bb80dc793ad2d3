#pragma once

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/courier/program.hpp>
#include <iotc_ha/courier/socket.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace iotc_ha::courier {

/// One run of the program that asks DPS. Loop thread.
class Process {
 public:
  /// Either call may destroy the process that makes it.
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
  struct Death final : runtime::Loop::Pollable {
    explicit Death(Process& process) : process_(process) {}
    Wanted wanted() override;
    void ready() override { process_.bury(); }
    Process& process_;
  };

  Process(runtime::Loop& loop, Socket socket, int pid_fd, Listener& listener);
  void take_mail();
  void bury();

  runtime::Loop& loop_;
  Listener& listener_;
  const Socket socket_;
  const int pid_fd_;  ///< never means another process, as a number may once this one is gone
  bool dismissed_ = false;
  Mail mail_{*this};
  Death death_{*this};
  std::unique_ptr<runtime::Loop::Timer> farewell_;
  std::unique_ptr<runtime::Loop::Attachment> mail_watch_;
  std::unique_ptr<runtime::Loop::Attachment> death_watch_;
};

}  // namespace iotc_ha::courier
