#include "device_template.hpp"

#include "embedded_files.hpp"

#include <nlohmann/json.hpp>

namespace iotc_ha::lizard {

bool is_durable_command(const std::string& model_id, const std::string& name) {
  using nlohmann::json;
  static const json k_template = json::parse(embedded_file("Failover.json"));  // the build has put it there
  if (model_id != k_template.at("@id").get<std::string>()) return false;
  for (const json& part : k_template.at("contents")) {
    if (part.at("@type") == "Command" && part.at("name") == name) return part.value("durable", false);
  }
  return false;
}

}  // namespace iotc_ha::lizard
