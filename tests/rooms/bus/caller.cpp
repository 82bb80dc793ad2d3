#include "caller.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace iotc_ha::bus {

Caller::Caller(const PrivateBus& bus, std::string interface) : interface_(std::move(interface)) {
  sd_bus* opened = nullptr;
  check(sd_bus_new(&opened));
  bus_.reset(opened);
  check(sd_bus_set_address(opened, bus.address().c_str()));
  check(sd_bus_set_bus_client(opened, 1));
  check(sd_bus_start(opened));
  check(sd_bus_add_filter(opened, nullptr, on_message, this));
}

std::string Caller::unique_name() const {
  const char* name = nullptr;
  check(sd_bus_get_unique_name(bus_.get(), &name));
  return name;
}

void Caller::listen() {
  check(sd_bus_add_match(
      bus_.get(), nullptr, "type='signal',sender='io.github.iotc_ha'",
      [](sd_bus_message* /*message*/, void* /*nothing*/, sd_bus_error* /*error*/) { return 0; }, nullptr));
}

sd_bus_message* Caller::new_call(const char* method) {
  sd_bus_message* message = nullptr;
  check(sd_bus_message_new_method_call(bus_.get(), &message, "io.github.iotc_ha", "/io/github/iotc_ha",
                                       ("io.github.iotc_ha." + interface_).c_str(), method));
  return message;
}

void Caller::send(sd_bus_message* message) {
  const int sent = sd_bus_call_async(bus_.get(), nullptr, message, on_reply, this, UINT64_MAX);
  sd_bus_message_unref(message);
  check(sent);
  check(sd_bus_flush(bus_.get()));
}

void Caller::send_many(const std::vector<std::string>& bodies, const std::string& message_id) {
  sd_bus_message* message = new_call("SubmitMany");
  check(sd_bus_message_open_container(message, 'a', "s"));
  for (const std::string& body : bodies) check(sd_bus_message_append(message, "s", body.c_str()));
  check(sd_bus_message_close_container(message));
  if (message_id.empty()) {
    check(sd_bus_message_append(message, "a{sv}", 0));
  } else {
    check(sd_bus_message_append(message, "a{sv}", 1, "message_id", "s", message_id.c_str()));
  }
  send(message);
}

void Caller::send_strings(const char* method, const std::vector<std::string>& strings) {
  sd_bus_message* message = new_call(method);
  check(sd_bus_message_open_container(message, 'a', "s"));
  for (const std::string& string : strings) check(sd_bus_message_append(message, "s", string.c_str()));
  check(sd_bus_message_close_container(message));
  send(message);
}

int Caller::on_reply(sd_bus_message* message, void* caller, sd_bus_error* /*error*/) {
  Reply reply;
  if (const sd_bus_error* error = sd_bus_message_get_error(message)) {
    reply.error = error->name;
    reply.text = error->message;
  } else {
    std::uint64_t number = 0;
    while (sd_bus_message_read_basic(message, 't', &number) > 0) reply.numbers.push_back(number);
  }
  static_cast<Caller*>(caller)->replies_.push_back(std::move(reply));
  return 1;
}

int Caller::on_message(sd_bus_message* message, void* caller, sd_bus_error* /*error*/) {
  if (sd_bus_message_is_signal(message, nullptr, nullptr) <= 0) return 0;
  if (std::string_view(sd_bus_message_get_sender(message)) == "org.freedesktop.DBus") return 0;
  Signal signal{sd_bus_message_get_member(message), {}};
  char type = 0;
  const char* contents = nullptr;
  while (sd_bus_message_peek_type(message, &type, &contents) > 0 &&
         std::string("stb").find(type) != std::string::npos) {
    if (type == 's') {
      const char* text = nullptr;
      check(sd_bus_message_read_basic(message, type, static_cast<void*>(&text)));
      signal.values.emplace_back(text);
    } else {
      std::uint64_t number = 0;  // of a boolean, only the first half is written
      check(sd_bus_message_read_basic(message, type, &number));
      signal.values.push_back(std::to_string(number));
    }
  }
  static_cast<Caller*>(caller)->signals_.push_back(std::move(signal));
  return 0;
}

void Caller::wait_until(const std::function<bool()>& there) {
  const auto deadline = std::chrono::steady_clock::now() + k_deadline;
  while (!there()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw std::runtime_error("nothing came in time");
    const int handled = sd_bus_process(bus_.get(), nullptr);
    check(handled);
    if (handled == 0) check(sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count())));
  }
}

Caller::Reply Caller::take_reply() {
  wait_until([&] { return !replies_.empty(); });
  Reply reply = std::move(replies_.front());
  replies_.erase(replies_.begin());
  return reply;
}

Caller::Signal Caller::take_signal() {
  wait_until([&] { return !signals_.empty(); });
  Signal signal = std::move(signals_.front());
  signals_.erase(signals_.begin());
  return signal;
}

}  // namespace iotc_ha::bus
