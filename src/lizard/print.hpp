#pragma once

#include <nlohmann/json_fwd.hpp>

/// The commands' answers for people.
namespace iotc_ha::lizard {

void print_status(const nlohmann::ordered_json& status);
void print_telemetry(const nlohmann::ordered_json& message);
void print_count(const nlohmann::ordered_json& count);
void print_event(const nlohmann::ordered_json& event);

}  // namespace iotc_ha::lizard
