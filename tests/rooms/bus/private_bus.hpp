#pragma once

#include "desk.hpp"
#include "shelf.hpp"

#include <iotc_ha/bus/service.hpp>

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace iotc_ha::bus {

inline constexpr std::chrono::seconds k_deadline{20};

std::string read_file(const std::filesystem::path& file);

/// A child process whose standard output we read. It is killed with us.
class Child {
 public:
  explicit Child(std::vector<std::string> command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The next line; nothing at the end of the output, or when none comes before the deadline.
  std::optional<std::string> line();
  void signal(int number) const;
  int wait();  ///< until it ends by itself; its exit status, 128 + the signal that killed it

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

struct Output {
  int status;
  std::string text;  ///< standard output and error, without the last line's end
};
/// Runs `command` to its end.
Output run(const std::vector<std::string>& command);

/// A real dbus-daemon of our own, in a temporary directory that anyone may enter.
class PrivateBus {
 public:
  enum class Kind : std::uint8_t { Session, System };
  /// Begins stopped. A system bus has Debian's rules and those of `policy`.
  explicit PrivateBus(Kind kind = Kind::Session, const std::string& policy = "");
  ~PrivateBus();
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  void start();  ///< returns when it listens
  void kill();   ///< SIGKILL
  void signal(int number) const;
  [[nodiscard]] std::string address() const;

  /// `busctl --address=... arguments`
  [[nodiscard]] Output busctl(const std::vector<std::string>& arguments) const;
  /// As the user nobody, in the group of the same id and in `groups`.
  [[nodiscard]] Output busctl_as_nobody(const std::vector<std::string>& arguments,
                                        const std::string& groups = "") const;
  /// `dbus-send`, which unlike busctl prints the names of errors.
  [[nodiscard]] std::vector<std::string> dbus_send(const std::string& destination, const std::string& path) const;
  /// What `busctl get-property` prints for a property of Agent1, or of another interface of that object.
  [[nodiscard]] std::string get_property(const std::string& name, const std::string& interface = "Agent1") const;

 private:
  std::filesystem::path dir_;
  std::optional<Child> daemon_;
};

/// A Service on a loop of its own, as in the daemon.
class Served {
 public:
  explicit Served(const std::string& address);
  ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  /// Runs on the loop, and waits until it has.
  void on_loop(const std::function<void(Service&)>& task);
  /// Waits until the journal would have a line with `part`. False when there is none at the deadline.
  bool noted(const std::string& part);
  [[nodiscard]] std::vector<std::string> notes() const;

  // Read and written on the loop
  int reconnects = 0;
  int reprovisions = 0;
  Shelf shelf;
  Desk desk;

 private:
  void note(const std::string& line);
  Requests requests();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
  runtime::Loop* loop_ = nullptr;
  Service* service_ = nullptr;
  std::string log_level_ = "info";
  std::string log_target_ = "journal";
  std::thread thread_;
};

/// A status in which every member has a value of its own.
core::Status example_status();

/// Asks again and again until `condition` holds; false at the deadline.
bool eventually(const std::function<bool()>& condition);

}  // namespace iotc_ha::bus
