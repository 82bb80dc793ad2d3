#pragma once

#include "private_bus.hpp"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace iotc_ha::bus {

/// A program that calls one of our interfaces by sd-bus, and sees the names of errors and the signals that reach it.
class Caller {
 public:
  explicit Caller(const PrivateBus& bus, std::string interface = "Telemetry1");
  [[nodiscard]] std::string unique_name() const;
  void speak_to(std::string interface) { interface_ = std::move(interface); }

  struct Reply {
    std::string error;  ///< its name, "" when there was none
    std::string text;   ///< of the error
    std::vector<std::uint64_t> numbers;
  };
  struct Signal {
    std::string member;
    std::vector<std::string> values;
    friend bool operator==(const Signal&, const Signal&) = default;
  };
  /// Sends without waiting for the answer, which take_reply() gets. `types` and `arguments` are
  /// sd_bus_message_append's.
  template <typename... Arguments>
  void send(const char* method, const char* types, Arguments... arguments) {
    sd_bus_message* message = new_call(method);
    check(sd_bus_message_append(message, types, arguments...));
    send(message);
  }
  void send_many(const std::vector<std::string>& bodies, const std::string& message_id = "");  ///< SubmitMany
  void send_strings(const char* method, const std::vector<std::string>& strings);              ///< as
  /// The next answer, of whichever call. Throws when none comes in time.
  Reply take_reply();
  /// Sends a signal to one program, which need not ask for it.
  template <typename... Arguments>
  void emit_to(const std::string& receiver, const char* path, const char* interface, const char* member,
               const char* types, Arguments... arguments) {
    sd_bus_message* message = nullptr;
    check(sd_bus_message_new_signal(bus_.get(), &message, path, interface, member));
    check(sd_bus_message_append(message, types, arguments...));
    const int sent = sd_bus_send_to(bus_.get(), message, receiver.c_str(), nullptr);
    sd_bus_message_unref(message);
    check(sent);
    check(sd_bus_flush(bus_.get()));
  }
  void own(const char* name) { check(sd_bus_request_name(bus_.get(), name, 0)); }

  void listen();  ///< asks the bus for our object's signals to everybody
  /// The next signal that is not the bus's own. Throws when none comes in time.
  Signal take_signal();

  template <typename... Arguments>
  Reply call(const char* method, const char* types, Arguments... arguments) {
    send(method, types, arguments...);
    return take_reply();
  }
  Reply claim(const std::vector<std::string>& names) {
    send_strings("Claim", names);
    return take_reply();
  }

 private:
  static void check(int result) {
    if (result < 0) throw std::system_error(-result, std::generic_category());
  }
  sd_bus_message* new_call(const char* method);
  void send(sd_bus_message* message);
  static int on_reply(sd_bus_message* message, void* caller, sd_bus_error* error);
  static int on_message(sd_bus_message* message, void* caller, sd_bus_error* error);
  void wait_until(const std::function<bool()>& there);

  std::string interface_;
  std::unique_ptr<sd_bus, decltype(&sd_bus_flush_close_unref)> bus_{nullptr, sd_bus_flush_close_unref};
  std::vector<Reply> replies_;
  std::vector<Signal> signals_;
};

}  // namespace iotc_ha::bus
