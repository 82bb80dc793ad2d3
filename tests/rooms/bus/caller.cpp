#include "caller.hpp"

#include <chrono>

namespace iotc_ha::bus {

Caller::Caller(const PrivateBus& bus) {
  sd_bus* opened = nullptr;
  check(sd_bus_new(&opened));
  bus_.reset(opened);
  check(sd_bus_set_address(opened, bus.address().c_str()));
  check(sd_bus_set_bus_client(opened, 1));
  check(sd_bus_start(opened));
}

sd_bus_message* Caller::new_call(const char* method) {
  sd_bus_message* message = nullptr;
  check(sd_bus_message_new_method_call(bus_.get(), &message, "io.github.iotc_ha", "/io/github/iotc_ha",
                                       "io.github.iotc_ha.Telemetry1", method));
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

Caller::Reply Caller::take_reply() {
  const auto deadline = std::chrono::steady_clock::now() + k_deadline;
  while (replies_.empty()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw std::runtime_error("no answer in time");
    const int handled = sd_bus_process(bus_.get(), nullptr);
    check(handled);
    if (handled == 0) check(sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count())));
  }
  Reply reply = std::move(replies_.front());
  replies_.erase(replies_.begin());
  return reply;
}

}  // namespace iotc_ha::bus
