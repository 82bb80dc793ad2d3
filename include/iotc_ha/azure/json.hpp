#pragma once

#include <iotc_ha/core/error.hpp>

#include <string>
#include <string_view>
#include <vector>

/// JSON as text. What comes from a network or a bus client passes through here before anything else reads it: RFC 8259,
/// UTF-8, at most `k_max_json_depth` levels (so that no reader's recursion can be driven into the ground), every number
/// finite. Errors are InvalidPayload and name the place. Pure.
namespace iotc_ha::azure {

constexpr int k_max_json_depth = 64;

/// The same value without blanks. Numbers keep the digits they were written with (1.10, 12345678901234567890123),
/// members their order.
[[nodiscard]] core::Result<std::string> compact_json(std::string_view text);

struct JsonMember {
  std::string name;
  std::string json;  ///< compact
  friend bool operator==(const JsonMember&, const JsonMember&) = default;
};
/// The members of an object, in their order; of a name that stands twice, the last. Error when the text is no object.
[[nodiscard]] core::Result<std::vector<JsonMember>> members_of_object(std::string_view text);

/// The text as a JSON string, with its quotes. Error when it is not UTF-8.
[[nodiscard]] core::Result<std::string> quote_json(std::string_view text);

}  // namespace iotc_ha::azure
