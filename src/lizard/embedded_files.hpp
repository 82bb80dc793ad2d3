#pragma once

#include <string_view>

namespace iotc_ha::lizard {

/// A file that the build has put into this program (embed.cmake), by its name without folders; "" when there is none.
[[nodiscard]] std::string_view embedded_file(std::string_view name);

}  // namespace iotc_ha::lizard
