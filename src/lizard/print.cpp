#include "print.hpp"

#include <nlohmann/json.hpp>

#include <iomanip>
#include <iostream>
#include <string>

namespace iotc_ha::lizard {
namespace {

using nlohmann::ordered_json;

std::string text_or(const ordered_json& value, const std::string& otherwise) {
  return value.is_string() ? value.get<std::string>() : otherwise;
}

}  // namespace

void print_status(const ordered_json& status) {
  const ordered_json& dps = status.at("dps");
  std::cout << "DPS    " << text_or(dps.at("address"), "") << ":" << dps.at("port") << "  "
            << text_or(dps.at("state"), "") << ", " << dps.at("registrations") << " registrations, " << dps.at("polls")
            << " polls\n";
  if (!status.at("window").is_null()) std::cout << "Window " << text_or(status.at("window"), "") << "\n";
  for (const ordered_json& hub : status.at("hubs")) {
    std::cout << text_or(hub.at("name"), "") << "  " << text_or(hub.at("address"), "") << ":" << hub.at("port") << "  "
              << text_or(hub.at("state"), "") << ", " << hub.at("connections") << " connections, " << hub.at("refusals")
              << " refusals, " << hub.at("telemetry") << " messages\n";
  }
  for (const ordered_json& device : status.at("devices")) {
    std::cout << text_or(device.at("id"), "") << "  "
              << (device.at("connected_to").is_null() ? "not connected"
                                                      : "connected to " + text_or(device.at("connected_to"), ""))
              << ", assigned to " << text_or(device.at("assigned"), "");
    if (!device.at("ttl_until").is_null()) std::cout << " until " << text_or(device.at("ttl_until"), "");
    if (!device.at("enabled").get<bool>()) std::cout << ", disabled";
    if (device.at("c2d_queued") != 0) std::cout << ", " << device.at("c2d_queued") << " C2D messages queued";
    std::cout << "\n";
  }
  std::cout << std::flush;
}

void print_telemetry(const ordered_json& message) {
  std::cout << message.at("seq") << "  " << text_or(message.at("time"), "") << "  " << text_or(message.at("hub"), "")
            << "  " << text_or(message.at("device"), "") << "  " << message.at("body").dump() << std::endl;
}

void print_count(const ordered_json& count) {
  std::cout << count.at("count") << std::endl;
  if (count.at("dropped") != 0) {
    std::cerr << "iotc-ha-lizard: " << count.at("dropped") << " older messages are not kept any more" << std::endl;
  }
}

void print_event(const ordered_json& event) {
  std::cout << text_or(event.at("time"), "") << "  " << std::left << std::setw(13) << text_or(event.at("event"), "");
  for (const char* part : {"device", "hub", "detail"}) {
    const std::string text = text_or(event.at(part), "");
    if (!text.empty()) std::cout << " " << text;
  }
  std::cout << std::endl;
}

}  // namespace iotc_ha::lizard
