#include <iotc_ha/azure/merge_patch.hpp>
#include <iotc_ha/azure/text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace iotc_ha::azure {
namespace {

using core::Fault;

constexpr std::size_t k_levels_max = 10;
constexpr std::size_t k_string_bytes_max = std::size_t{4} * 1024;
constexpr std::size_t k_name_bytes_max = 1024;
constexpr std::int64_t k_integer_max = std::int64_t{1} << 52U;

/// The control characters of Unicode are below U+0020 (C0), U+007F, and U+0080 to U+009F (C1): in UTF-8, C2 80 to C2
/// 9F.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

/// Reads a patch event by event, and ends with the first thing that a hub would not take.
class ReportedCheck {
 public:
  // The names and signatures of nlohmann::json_sax. False ends the parsing.
  bool null() { return value(); }
  bool boolean(bool /*any*/) { return value(); }
  bool number_integer(std::int64_t number) { return value() && (number >= -k_integer_max || refuse_integer()); }
  bool number_unsigned(std::uint64_t number) {
    return value() && (number <= static_cast<std::uint64_t>(k_integer_max) || refuse_integer());
  }
  bool number_float(double /*rounded*/, const std::string& digits) {
    const bool is_integer =
        std::all_of(digits.begin(), digits.end(), [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
    return value() && (!is_integer || refuse_integer());
  }
  bool string(const std::string& text) {
    return value() &&
           (text.size() <= k_string_bytes_max || refuse("a string of " + std::to_string(text.size()) +
                                                        " bytes; a hub takes " + std::to_string(k_string_bytes_max)));
  }
  bool binary(const std::vector<std::uint8_t>& /*never in text*/) { return false; }

  bool start_object(std::size_t /*unknown*/) {
    if (!path_.empty() && !value()) return false;
    path_.emplace_back();
    return true;
  }
  bool key(const std::string& name) {
    path_.back() = name;
    if (name.empty()) return refuse("a name that is empty");
    if (name.size() > k_name_bytes_max)
      return refuse("a name longer than " + std::to_string(k_name_bytes_max) + " bytes");
    if (name.find_first_of(".$ ") != std::string::npos || has_control_character(name)) {
      return refuse("a name with '.', '$', a blank or a control character");
    }
    return true;
  }
  bool end_object() {
    path_.pop_back();
    return true;
  }
  bool start_array(std::size_t /*unknown*/) {
    if (!value()) return false;
    path_.emplace_back();
    return true;
  }
  bool end_array() { return end_object(); }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::json::exception& error) {
    refusal_ = error.id == 406 ? "it holds a number beyond the range of a double"
                               : "it is not JSON (byte " + std::to_string(position) + ")";
    return false;
  }

  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  bool value() {
    if (path_.empty()) {
      refusal_ = "it is not a JSON object";
      return false;
    }
    return path_.size() <= k_levels_max || refuse("more than " + std::to_string(k_levels_max) + " levels");
  }
  bool refuse_integer() { return refuse("an integer beyond 2^52, which a twin does not keep"); }
  bool refuse(const std::string& why) {
    std::string place;
    for (const std::string& name : path_) {
      if (!name.empty()) place += (place.empty() ? "" : "/") + name;
    }
    refusal_ = "'" + one_line(place) + "': " + why;
    return false;
  }

  std::vector<std::string> path_;  // one for each level that is open; "" in an array
  std::string refusal_;
};

}  // namespace

core::Result<void> check_reported(std::string_view patch) {
  if (patch.size() > k_reported_size_max) {
    return core::fail(Fault::PayloadTooLarge, "the reported properties have " + std::to_string(patch.size()) +
                                                  " bytes; a hub takes " + std::to_string(k_reported_size_max));
  }
  ReportedCheck check;
  if (!nlohmann::json::sax_parse(patch, &check)) {
    return core::fail(Fault::InvalidPayload, "the reported properties: " + check.refusal());
  }
  return {};
}

}  // namespace iotc_ha::azure
