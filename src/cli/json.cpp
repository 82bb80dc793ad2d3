#include "json.hpp"

#include <iotc_ha/azure/json.hpp>

namespace iotc_ha::cli {

std::string array_of(const std::vector<JsonObject>& objects) {
  std::string array;
  for (const JsonObject& object : objects) array += (array.empty() ? "" : ",") + object.text();
  return "[" + array + "]";
}

JsonObject& JsonObject::add(const char* name, const std::string& text) {
  return add_json(name, azure::quote_json(text).value_or("null"));  // what came over D-Bus is UTF-8
}

JsonObject& JsonObject::add(const char* name, core::WallTime moment) {
  const auto since_1970 = moment.time_since_epoch().count();
  return add_json(name, since_1970 > 0 ? std::to_string(since_1970) : "null");
}

JsonObject& JsonObject::add(const char* name, const std::vector<JsonObject>& objects) {
  return add_json(name, array_of(objects));
}

JsonObject& JsonObject::add(const char* name, const std::vector<std::string>& texts) {
  std::string array;
  for (const std::string& text : texts) array += (array.empty() ? "" : ",") + azure::quote_json(text).value_or("null");
  return add_json(name, "[" + array + "]");
}

JsonObject& JsonObject::add_json(const char* name, const std::string& json) {
  members_ += members_.empty() ? "\"" : ",\"";
  members_.append(name).append("\":").append(json);
  return *this;
}

}  // namespace iotc_ha::cli
