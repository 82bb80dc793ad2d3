#pragma once

#include <iotc_ha/core/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::cli {

/// A JSON object, written member by member.
class JsonObject {
 public:
  JsonObject& add(const char* name, const std::string& text);
  JsonObject& add(const char* name, const char* text) { return add(name, std::string(text)); }
  JsonObject& add(const char* name, std::uint64_t number) { return add_json(name, std::to_string(number)); }
  JsonObject& add(const char* name, bool truth) { return add_json(name, truth ? "true" : "false"); }
  /// Microseconds since 1970; null for the epoch, which means none.
  JsonObject& add(const char* name, core::WallTime moment);
  JsonObject& add(const char* name, const JsonObject& object) { return add_json(name, object.text()); }
  JsonObject& add(const char* name, const std::vector<JsonObject>& objects);
  JsonObject& add(const char* name, const std::vector<std::string>& texts);
  JsonObject& add_json(const char* name, const std::string& json);  ///< one value

  [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

[[nodiscard]] std::string array_of(const std::vector<JsonObject>& objects);

}  // namespace iotc_ha::cli
