#pragma once

#include <string>

namespace iotc_ha::bus {

/// `text` as D-Bus carries it: UTF-8 without NUL. What is not gets a U+FFFD for each byte: a reason that a library
/// wrote in the language of its own must not cost us the connection, as a message with such a string would.
[[nodiscard]] std::string sendable(const std::string& text);

}  // namespace iotc_ha::bus
