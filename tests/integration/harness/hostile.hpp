#pragma once

#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::integration {

inline constexpr std::size_t k_ten_megabytes = 10'000'000;

/// What must be read and survived, with a name for each. No text of these is JSON.
inline std::vector<std::pair<std::string, std::string>> texts_that_are_no_json() {
  return {{"words", "open the door"},
          {"half of an object", R"({"target":)"},
          {"two values", "1 2"},
          {"a number that no double holds", R"({"target":1e999})"},
          {"half of a surrogate pair", R"({"target":"\ud800"})"},
          {"a hundred thousand levels", std::string(100'000, '[')},
          {"a hundred thousand levels of objects", [] {
             std::string text;
             for (int i = 0; i < 20'000; ++i) text += R"({"a":)";
             return text;
           }()}};
}

}  // namespace iotc_ha::integration
