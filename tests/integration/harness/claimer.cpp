#include "claimer.hpp"

#include "sd_bus.hpp"

#include <systemd/sd-bus.h>

namespace iotc_ha::integration {
namespace {

constexpr const char* k_twin = "io.github.iotc_ha.Twin1";
constexpr const char* k_commands = "io.github.iotc_ha.Commands1";

std::string read_text(sd_bus_message* message) {
  const char* text = nullptr;
  well(sd_bus_message_read(message, "s", &text), "read a text");
  return text;
}

Desired read_desired(sd_bus_message* message) {
  Desired desired;
  desired.json = read_text(message);
  well(sd_bus_message_read(message, "t", &desired.version), "read a version");
  return desired;
}

Invoked read_invoked(sd_bus_message* message) {
  Invoked invoked;
  well(sd_bus_message_read(message, "t", &invoked.id), "read a number");
  invoked.name = read_text(message);
  invoked.component = read_text(message);
  invoked.payload = read_text(message);
  int durable = 0;
  well(sd_bus_message_read(message, "b", &durable), "read a flag");
  invoked.durable = durable != 0;
  return invoked;
}

/// What is open around an array of texts.
std::vector<std::string> read_texts(sd_bus_message* message) {
  std::vector<std::string> texts;
  well(sd_bus_message_enter_container(message, 'a', "s"), "read texts");
  const char* text = nullptr;
  while (well(sd_bus_message_read(message, "s", &text), "read texts") > 0) texts.emplace_back(text);
  well(sd_bus_message_exit_container(message), "read texts");
  return texts;
}

}  // namespace

Claimer::Claimer(const std::string& bus_address) : Caller(bus_address) {
  const auto on_message = [](sd_bus_message* message, void* me, sd_bus_error*) {
    static_cast<Claimer*>(me)->keep(message);
    return 0;  // others may look at it too
  };
  well(sd_bus_add_filter(connection(), nullptr, on_message, this), "sd_bus_add_filter");
}

void Claimer::keep(sd_bus_message* message) {
  if (sd_bus_message_is_signal(message, k_commands, "Invoked") > 0) invoked_.push_back(read_invoked(message));
  if (sd_bus_message_is_signal(message, k_twin, "DesiredChanged") > 0) {
    desired_changes_.push_back(read_desired(message));
  }
}

const std::vector<Invoked>& Claimer::invoked() {
  take_what_has_come();
  return invoked_;
}
const std::vector<Desired>& Claimer::desired_changes() {
  take_what_has_come();
  return desired_changes_;
}

Answer<void> Claimer::report(const std::string& json_merge_patch) {
  const Message call = call_of(k_twin, "Report");
  well(sd_bus_message_append(call.get(), "s", json_merge_patch.c_str()), "append a patch");
  return answer_to(call).map([](const Message&) {});
}

Answer<std::string> Claimer::reported() {
  return answer_to(call_of(k_twin, "GetReported")).map([](const Message& m) { return read_text(m.get()); });
}

Answer<Desired> Claimer::desired() {
  return answer_to(call_of(k_twin, "GetDesired")).map([](const Message& m) { return read_desired(m.get()); });
}

Answer<std::vector<std::string>> Claimer::unacknowledged() {
  const Message call = call_of("org.freedesktop.DBus.Properties", "Get");
  well(sd_bus_message_append(call.get(), "ss", k_twin, "Unacknowledged"), "append a property");
  return answer_to(call).map([](const Message& m) {
    well(sd_bus_message_enter_container(m.get(), 'v', "as"), "read a property");
    return read_texts(m.get());
  });
}

Answer<void> Claimer::claim(const char* interface, const std::vector<std::string>& names) {
  const Message call = call_of(interface, "Claim");
  well(sd_bus_message_open_container(call.get(), 'a', "s"), "append names");
  for (const std::string& name : names) well(sd_bus_message_append(call.get(), "s", name.c_str()), "append a name");
  well(sd_bus_message_close_container(call.get()), "append names");
  return answer_to(call).map([](const Message&) {});
}

Answer<void> Claimer::claim_properties(const std::vector<std::string>& names) { return claim(k_twin, names); }
Answer<void> Claimer::claim_commands(const std::vector<std::string>& names) { return claim(k_commands, names); }

Answer<void> Claimer::acknowledge(const std::string& property, const std::string& json_value, int code,
                                  const std::string& description, std::uint64_t version) {
  const Message call = call_of(k_twin, "Acknowledge");
  well(sd_bus_message_append(call.get(), "ssist", property.c_str(), json_value.c_str(), code, description.c_str(),
                             version),
       "append an acknowledgement");
  return answer_to(call).map([](const Message&) {});
}

Answer<void> Claimer::complete(std::uint64_t id, int status, const std::string& json) {
  const Message call = call_of(k_commands, "Complete");
  well(sd_bus_message_append(call.get(), "tis", id, status, json.c_str()), "append an answer");
  return answer_to(call).map([](const Message&) {});
}

}  // namespace iotc_ha::integration
