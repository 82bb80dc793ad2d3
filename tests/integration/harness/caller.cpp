#include "caller.hpp"

#include "sd_bus.hpp"

#include <systemd/sd-bus.h>

#include <cerrno>
#include <iterator>
#include <utility>

namespace iotc_ha::integration {
namespace {

constexpr const char* k_telemetry = "io.github.iotc_ha.Telemetry1";
constexpr const char* k_properties = "org.freedesktop.DBus.Properties";
/// For an answer that must come. Generous, as all deadlines here.
constexpr std::uint64_t k_call_limit_us = 180'000'000;

Refusal refusal_of(const sd_bus_error& error) {
  return {error.name == nullptr ? "" : error.name, error.message == nullptr ? "" : error.message};
}

void append_option(sd_bus_message* call, const char* name, const std::string& text) {
  well(sd_bus_message_append(call, "{sv}", name, "s", text.c_str()), "append an option");
}

void append_options(sd_bus_message* call, const SubmitOptions& options) {
  well(sd_bus_message_open_container(call, 'a', "{sv}"), "append options");
  if (!options.component.empty()) append_option(call, "component", options.component);
  if (!options.message_id.empty()) append_option(call, "message_id", options.message_id);
  if (options.timestamp_us) {
    well(sd_bus_message_append(call, "{sv}", "timestamp", "t", *options.timestamp_us), "append a timestamp");
  }
  if (!options.properties.empty()) {
    well(sd_bus_message_open_container(call, 'e', "sv"), "append properties");
    well(sd_bus_message_append(call, "s", "properties"), "append properties");
    well(sd_bus_message_open_container(call, 'v', "a{ss}"), "append properties");
    well(sd_bus_message_open_container(call, 'a', "{ss}"), "append properties");
    for (const auto& [key, value] : options.properties) {
      well(sd_bus_message_append(call, "{ss}", key.c_str(), value.c_str()), "append a property");
    }
    for (int level = 0; level < 3; ++level) well(sd_bus_message_close_container(call), "append properties");
  }
  for (const auto& [key, value] : options.others) append_option(call, key.c_str(), value);
  well(sd_bus_message_close_container(call), "append options");
}

Answer<std::uint64_t> read_sequence(sd_bus_message* answer) {
  std::uint64_t sequence = 0;
  well(sd_bus_message_read(answer, "t", &sequence), "read a sequence");
  return sequence;
}
Answer<Range> read_range(sd_bus_message* answer) {
  Range range;
  well(sd_bus_message_read(answer, "tt", &range.first, &range.last), "read a range");
  return range;
}

/// a{sv}; values that are no numbers are left out.
Line read_properties(sd_bus_message* answer) {
  Line line;
  well(sd_bus_message_enter_container(answer, 'a', "{sv}"), "read properties");
  while (well(sd_bus_message_enter_container(answer, 'e', "sv"), "read properties") > 0) {
    const char* name = nullptr;
    well(sd_bus_message_read(answer, "s", &name), "read a property");
    char type = 0;
    const char* contents = nullptr;
    well(sd_bus_message_peek_type(answer, &type, &contents), "read a property");
    const std::string of = contents == nullptr ? "" : contents;
    if (of == "t") {
      well(sd_bus_message_read(answer, "v", "t", &line[name]), "read a property");
    } else if (of == "u") {
      std::uint32_t value = 0;
      well(sd_bus_message_read(answer, "v", "u", &value), "read a property");
      line[name] = value;
    } else {
      well(sd_bus_message_skip(answer, "v"), "read a property");
    }
    well(sd_bus_message_exit_container(answer), "read properties");
  }
  return line;
}

/// aa{st}
std::vector<Line> read_lines(sd_bus_message* answer) {
  std::vector<Line> lines;
  well(sd_bus_message_enter_container(answer, 'a', "a{st}"), "read an account");
  while (well(sd_bus_message_enter_container(answer, 'a', "{st}"), "read an account") > 0) {
    Line& line = lines.emplace_back();
    while (well(sd_bus_message_enter_container(answer, 'e', "st"), "read an account") > 0) {
      const char* name = nullptr;
      std::uint64_t value = 0;
      well(sd_bus_message_read(answer, "st", &name, &value), "read an account");
      line[name] = value;
      well(sd_bus_message_exit_container(answer), "read an account");
    }
    well(sd_bus_message_exit_container(answer), "read an account");
  }
  return lines;
}

}  // namespace

struct Caller::Call {
  Call(Caller& of, Answered then) : caller(of), answered(std::move(then)) {}
  ~Call() { sd_bus_slot_unref(slot); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Caller& caller;
  Answered answered;
  sd_bus_slot* slot = nullptr;
  std::list<Call>::iterator place{};
};

void Caller::Release::operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
void Caller::Release::operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }

Caller::Caller(const std::string& bus_address) {
  sd_bus* bus = nullptr;
  well(sd_bus_new(&bus), "sd_bus_new");
  bus_.reset(bus);
  well(sd_bus_set_address(bus, bus_address.c_str()), "sd_bus_set_address");
  well(sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
  well(sd_bus_start(bus), "sd_bus_start");
}
Caller::~Caller() = default;

Caller::Message Caller::call_of(const char* interface, const char* method) const {
  sd_bus_message* call = nullptr;
  well(sd_bus_message_new_method_call(bus_.get(), &call, k_agent_bus_name, k_agent_path, interface, method), method);
  return Message(call);
}

Caller::Message Caller::submission(const std::vector<std::string>& json, const SubmitOptions& options,
                                   bool many) const {
  Message call = call_of(k_telemetry, many ? "SubmitMany" : "Submit");
  if (many) well(sd_bus_message_open_container(call.get(), 'a', "s"), "append texts");
  for (const std::string& text : json) well(sd_bus_message_append(call.get(), "s", text.c_str()), "append a text");
  if (many) well(sd_bus_message_close_container(call.get()), "append texts");
  append_options(call.get(), options);
  return call;
}

Answer<Caller::Message> Caller::answer_to(const Message& call) {
  sd_bus_error error{};  // SD_BUS_ERROR_NULL, which is C
  sd_bus_message* answer = nullptr;
  const int result = sd_bus_call(bus_.get(), call.get(), k_call_limit_us, &error, &answer);
  if (result >= 0) return Message(answer);
  if (sd_bus_error_is_set(&error) == 0) well(result, "sd_bus_call");
  Refusal refusal = refusal_of(error);
  sd_bus_error_free(&error);
  return tl::unexpected(std::move(refusal));
}

void Caller::send(const Message& call, Answered answered) {
  Call& mine = under_way_.emplace_back(*this, std::move(answered));
  mine.place = std::prev(under_way_.end());
  const auto hand_out = [](sd_bus_message* answer, void* data, sd_bus_error*) {
    Call& its = *static_cast<Call*>(data);
    const Answered then = std::move(its.answered);
    its.caller.under_way_.erase(its.place);
    then(answer);
    return 0;
  };
  well(sd_bus_call_async(bus_.get(), &mine.slot, call.get(), hand_out, &mine, k_call_limit_us), "sd_bus_call_async");
}

// ---- Calls that wait for their answer

Answer<std::uint64_t> Caller::submit(const std::string& json, const SubmitOptions& options) {
  return answer_to(submission({json}, options, false)).and_then([](const Message& m) {
    return read_sequence(m.get());
  });
}

Answer<Range> Caller::submit_many(const std::vector<std::string>& json, const SubmitOptions& options) {
  return answer_to(submission(json, options, true)).and_then([](const Message& m) { return read_range(m.get()); });
}

Answer<void> Caller::flush(std::uint64_t sequence, std::chrono::microseconds timeout) {
  const Message call = call_of(k_telemetry, "Flush");
  const auto limit = static_cast<std::uint64_t>(timeout.count());
  well(sd_bus_message_append(call.get(), "tt", sequence, limit), "append a sequence");
  return answer_to(call).map([](const Message&) {});
}

Answer<Line> Caller::figures() {
  const Message call = call_of(k_properties, "GetAll");
  well(sd_bus_message_append(call.get(), "s", k_telemetry), "append an interface");
  return answer_to(call).map([](const Message& answer) { return read_properties(answer.get()); });
}

Answer<std::vector<Line>> Caller::accounts() {
  return answer_to(call_of(k_telemetry, "GetAccount")).map([](const Message& m) { return read_lines(m.get()); });
}

// ---- Calls that do not

void Caller::submit_later(const std::string& json, std::function<void(Answer<std::uint64_t>)> answered) {
  send(submission({json}, {}, false), [then = std::move(answered)](sd_bus_message* answer) {
    const sd_bus_error* error = sd_bus_message_get_error(answer);
    then(error != nullptr ? Answer<std::uint64_t>(tl::unexpected(refusal_of(*error))) : read_sequence(answer));
  });
}

void Caller::submit_many_later(const std::vector<std::string>& json, std::function<void(Answer<Range>)> answered) {
  send(submission(json, {}, true), [then = std::move(answered)](sd_bus_message* answer) {
    const sd_bus_error* error = sd_bus_message_get_error(answer);
    then(error != nullptr ? Answer<Range>(tl::unexpected(refusal_of(*error))) : read_range(answer));
  });
}

void Caller::take_what_has_come() {
  while (well(sd_bus_process(bus_.get(), nullptr), "sd_bus_process") > 0) {
  }
}

bool Caller::await_answers(std::size_t under_way_max, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    take_what_has_come();
    if (under_way_.size() <= under_way_max) return true;
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    well(sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count())), "sd_bus_wait");
  }
}

}  // namespace iotc_ha::integration
