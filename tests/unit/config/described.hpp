#pragma once

#include "config_dir.hpp"

#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>

namespace iotc_ha::config {

/// One line of what describe() says.
struct Described {
  std::string value;  ///< as it is written, in quotes if it is text
  std::string source;
  std::string meaning;
  bool hidden = false;  ///< the line is a comment: there is a secret in it
};
using DescribedByKey = std::map<std::string, Described>;

/// What describe() says, by dotted key. Throws for a line that is not as it should be.
inline DescribedByKey described(const std::string& text) {
  static const std::regex k_table(R"(\[(\w+)\])");
  // A value in quotes can hold " and #, but here none holds both; a source ends at the first ": ".
  static const std::regex k_line(R"re((#?)(\w+) = ("(?:[^"\\]|\\.)*"|\d+|true|false) +# (.+?): (.+))re");
  DescribedByKey all;
  std::string table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.empty() || line.rfind("# ", 0) == 0) continue;
    if (std::regex_match(line, match, k_table)) {
      table = match[1];
    } else if (std::regex_match(line, match, k_line)) {
      const bool fresh =
          all.emplace(table + '.' + match[2].str(), Described{match[3], match[4], match[5], match[1].length() > 0})
              .second;
      if (!fresh) throw std::runtime_error("twice: " + line);
    } else {
      throw std::runtime_error("not understood: " + line);
    }
  }
  return all;
}

inline DescribedByKey described(const ConfigDir& dir) {
  const Description description = describe(dir.sources());
  if (!description.faults.empty()) throw std::runtime_error(to_string(description.faults.front()));
  return described(description.text);
}

}  // namespace iotc_ha::config
